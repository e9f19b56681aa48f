"""Putting profiles into a folder, looking whether they are still there, and undoing it: all files or none.

An install is recorded before the files are put there, so that whatever cuts it short, the next one knows both the old and
the new content as its own, and completes it. A content that is not known is somebody's edit, and is never replaced unasked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from profile_smoke.errors import UsageError
from profile_smoke.interrupts import shielded
from profile_smoke.node.manifest import Installed, Manifest, Undo
from profile_smoke.node.storage import Storage, sha256, told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A file to be put there: its content, and where that comes from."""

    content: bytes
    origin: str


class State(StrEnum):
    """What became of a file, or how it is found."""

    INSTALLED = "installed"
    REPLACED = "replaced"
    OVERWRITTEN = "replaced, though it was edited; --rollback brings the edit back"
    UNCHANGED = "unchanged"
    RESTORED = "restored"
    REMOVED = "removed"
    AS_INSTALLED = "as installed"
    MISSING = "missing"
    EDITED = "edited since it was installed"
    OLDER = "an earlier version: put back, or an install was cut short"
    OUTDATED = "as installed, but its source is another now"
    NOT_INSTALLED = "not installed"

    @property
    def drift(self) -> bool:
        """Whether a file that is found so is not as it should be."""
        return self in (State.MISSING, State.EDITED, State.OLDER, State.OUTDATED, State.NOT_INSTALLED)


def install(folder: Path, sources: Mapping[str, Source], *, force: bool) -> dict[str, State]:
    """Put files there, by name.

    Raises:
        UsageError: a file was edited, or put there by somebody else, and not `force`; or no permission. Nothing changed.
        BadFileError: the record cannot be read.
        DiskFullError: no space left. Nothing changed.
    """
    storage = Storage(folder)
    with told(folder), storage.locked(), shielded():
        manifest = storage.manifest() or Manifest({})
        held = {name: storage.held(name) for name in sources}
        states = {name: _before(name, manifest, held[name], source) for name, source in sources.items()}
        if not force:
            _refuse_edits(folder, states, manifest)
        step: dict[str, Undo] = {}
        files: dict[str, Installed] = {}
        for name, source in sources.items():
            files[name] = Installed(storage.keep(source.content), source.origin)
            if states[name] is State.UNCHANGED and name in manifest.files:
                continue
            content = held[name]
            before = None if content is None else storage.keep(content)
            step[name] = Undo(before, files[name].sha256, manifest.files.get(name))
        recorded = {**manifest.files, **files}
        changed = manifest.with_step(recorded, step) if step else replace(manifest, files=recorded)
        storage.record(changed)
        try:
            _put_all(storage, {name: sources[name].content for name in step}, held)
        except BaseException:
            storage.record(manifest)
            raise
        storage.forget(changed.contents)
        return states


def check(folder: Path, sources: Mapping[str, Source]) -> dict[str, State]:
    """How files are found: those of `sources`, which should be installed as they are, or all that are recorded.

    Raises:
        UsageError: nothing was ever put there, or no permission.
        BadFileError: the record cannot be read.
    """
    storage = Storage(folder)
    with told(folder), storage.reading():
        manifest = storage.manifest()
        if manifest is None:
            raise UsageError(f"{folder}: nothing was installed here by profile-smoke")
        return {
            name: _found(name, manifest, storage.held(name), sources.get(name))
            for name in (sources or sorted(manifest.files))
        }


def rollback(folder: Path, *, force: bool) -> dict[str, State]:
    """Undo the last install.

    Raises:
        UsageError: there is none, or a file was edited since and not `force`; or no permission. Nothing changed.
        BadFileError: the record or a kept content is not what it was.
    """
    storage = Storage(folder)
    with told(folder):
        if storage.manifest() is None:
            raise UsageError(f"{folder}: nothing was installed here by profile-smoke")
        with storage.locked(), shielded():
            manifest = storage.manifest()
            if manifest is None or not manifest.history:
                raise UsageError(f"{folder}: there is no install to undo")
            step = manifest.history[-1]
            held = {name: storage.held(name) for name in step}
            edited = [name for name, content in held.items() if not _ours(name, manifest, content)]
            if edited and not force:
                raise UsageError(
                    f"{folder}: {', '.join(edited)}: {State.EDITED}; --force undoes it all the same"
                )
            contents = {
                name: None if undo.before is None else storage.kept(undo.before)
                for name, undo in step.items()
            }
            # The record last: until then it knows both contents of each file, so that a second try goes on from there.
            _put_all(storage, contents, held)
            storage.record(manifest.without_step())
            storage.forget(manifest.without_step().contents)
            return {
                name: State.REMOVED if content is None else State.RESTORED
                for name, content in contents.items()
            }


def _ours(name: str, manifest: Manifest, held: bytes | None) -> bool:
    """Whether nothing is lost when this content goes."""
    return held is None or sha256(held) in manifest.known(name)


def _before(name: str, manifest: Manifest, held: bytes | None, source: Source) -> State:
    """What putting it there means."""
    if held is None:
        return State.INSTALLED
    if held == source.content:
        return State.UNCHANGED
    return State.REPLACED if sha256(held) in manifest.known(name) else State.OVERWRITTEN


def _refuse_edits(folder: Path, states: Mapping[str, State], manifest: Manifest) -> None:
    edits: Sequence[str] = [name for name, state in states.items() if state is State.OVERWRITTEN]
    if not edits:
        return
    ours = [name for name in edits if name in manifest.files]
    others = [name for name in edits if name not in manifest.files]
    parts = [f"{', '.join(ours)}: {State.EDITED}"] if ours else []
    parts += [f"{', '.join(others)}: there already, and not put there by profile-smoke"] if others else []
    raise UsageError(f"{folder}: {'; '.join(parts)}; nothing was changed, --force replaces")


def _found(name: str, manifest: Manifest, held: bytes | None, source: Source | None) -> State:
    recorded = manifest.files.get(name)
    if recorded is None:
        return State.NOT_INSTALLED
    if held is None:
        return State.MISSING
    if sha256(held) != recorded.sha256:
        return State.OLDER if sha256(held) in manifest.known(name) else State.EDITED
    return State.OUTDATED if source and source.content != held else State.AS_INSTALLED


def _put_all(
    storage: Storage, contents: Mapping[str, bytes | None], held: Mapping[str, bytes | None]
) -> None:
    """Put every file; where one cannot be put, those before it hold again what they held."""
    put: list[str] = []
    try:
        for name, content in contents.items():
            put.append(name)
            storage.put(name, content)
    except BaseException:
        for name in put:
            storage.put(name, held[name])
        raise
