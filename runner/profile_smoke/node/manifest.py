"""What was put into a folder: `.profile-smoke/manifest.json`, the record that drift and undoing are judged by.

`files` is the present state by file name; `history` holds an undo step for each install, oldest first. The contents that
they speak of lie beside the manifest, named by their SHA-256.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import BadFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "profile-smoke/installed/v1"
MOST_STEPS = 10
_SHA256 = re.compile("[0-9a-f]{64}")
_NAME = re.compile(r"[^./\0][^/\0]*")


@dataclass(frozen=True)
class Installed:
    """A file that was put there: its content's SHA-256, and where it came from."""

    sha256: str
    source: str


@dataclass(frozen=True)
class Undo:
    """One file of an install: what it held before (None: nothing), what since, and what was recorded of it before."""

    before: str | None
    after: str
    recorded: Installed | None


@dataclass(frozen=True)
class Manifest:
    """The whole record."""

    files: Mapping[str, Installed]
    history: tuple[Mapping[str, Undo], ...] = ()

    def known(self, name: str) -> frozenset[str]:
        """Every content that this file is known to have had: one of them is no edit that would be lost."""
        steps = [step[name] for step in self.history if name in step]
        now = [self.files[name].sha256] if name in self.files else []
        return frozenset(
            [*now, *filter(None, (content for each in steps for content in (each.before, each.after)))]
        )

    def with_step(self, files: Mapping[str, Installed], step: Mapping[str, Undo]) -> Manifest:
        """After an install: these files have changed their record, and the step undoes it."""
        return Manifest({**self.files, **files}, (*self.history, step)[-MOST_STEPS:])

    def without_step(self) -> Manifest:
        """After the last install was undone."""
        files = dict(self.files)
        for name, undo in self.history[-1].items():
            if undo.recorded is None:
                files.pop(name, None)
            else:
                files[name] = undo.recorded
        return replace(self, files=files, history=self.history[:-1])

    @property
    def contents(self) -> frozenset[str]:
        """Every content that the record speaks of."""
        names = {*self.files, *(name for step in self.history for name in step)}
        return frozenset(content for name in names for content in self.known(name))


def dump(manifest: Manifest) -> str:
    """As JSON text, sorted by file name."""
    document = {
        "schema": SCHEMA,
        "files": {name: asdict(found) for name, found in sorted(manifest.files.items())},
        "history": [{name: asdict(undo) for name, undo in sorted(step.items())} for step in manifest.history],
    }
    return json.dumps(document, indent=2) + "\n"


def load(text: str, source: str) -> Manifest:
    """Read what `dump` wrote.

    Raises:
        BadFileError: it is something else; whoever edits it by hand cannot be followed.
    """
    try:
        document = json.loads(text)
        if document["schema"] != SCHEMA:
            raise BadFileError(
                source, "schema", f"{document['schema']!r} cannot be read here, only {SCHEMA!r}"
            )
        files = {_name(name): _installed(found) for name, found in document["files"].items()}
        history = tuple(
            {_name(name): _undo(undo) for name, undo in step.items()} for step in document["history"]
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadFileError(
            source,
            "",
            f"not as this program wrote it ({type(error).__name__}: {error}); move it away to begin anew",
        ) from None
    return Manifest(files, history)


def _installed(found: Mapping[str, Any]) -> Installed:
    return Installed(_sha256(found["sha256"]), str(found["source"]))


def _undo(found: Mapping[str, Any]) -> Undo:
    before, recorded = found["before"], found["recorded"]
    return Undo(
        before=None if before is None else _sha256(before),
        after=_sha256(found["after"]),
        recorded=None if recorded is None else _installed(recorded),
    )


def _name(text: str) -> str:
    """A file of the folder itself: nothing in the record can lead out of it."""
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no file name")
    return text


def _sha256(text: str) -> str:
    if not _SHA256.fullmatch(text):
        raise ValueError(f"{text!r} is no SHA-256")
    return text
