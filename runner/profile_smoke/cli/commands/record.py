"""`profile-smoke record`: a least-privilege profile from what workloads were seen to use."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke import paths, rundir
from profile_smoke.cli import wiring
from profile_smoke.errors import BadFileError, UsageError
from profile_smoke.interrupts import admitted
from profile_smoke.profile import document as profiles
from profile_smoke.profile.catalog import Catalog
from profile_smoke.report import json, recorded, write
from profile_smoke.report.interface import PlainFormat
from profile_smoke.report.text import Style, safe
from profile_smoke.resources import bundled
from profile_smoke.run.controls import Controls
from profile_smoke.run.recording import RecordingRun, Request
from profile_smoke.scenario import adhoc

if TYPE_CHECKING:
    from profile_smoke.cli.options import Options
    from profile_smoke.cli.record_options import RecordOptions
    from profile_smoke.profile.document import Document
    from profile_smoke.recording import Recorded, Recording
    from profile_smoke.scenario.model import Scenario

_OF_OURS = re.compile(r'"schema"\s*:\s*"profile-smoke/')


def main(options: Options) -> int:
    """Record, verify, write; 0 when the profile was written, or is there already."""
    if options.record is None:
        raise ValueError("the command line was not parsed for record")
    destination = _Destination(options.output, force=options.record.force)
    scenarios = _scenarios(options, options.record)
    request = _request(options.record)
    with rundir.open_run(rundir.new_run_id()) as run:
        images = wiring.store()
        with admitted():
            targets = wiring.targets(options, wiring.target_names(options), run, images)
        recording_run = RecordingRun(
            run,
            targets,
            Controls(options.images, options.standin.value, images.cancel),
            jobs=wiring.jobs(options, targets.values()),
            heard=(lambda _text: None) if options.quiet else _tell,
        )
        document, result = recording_run.execute(scenarios, request)
    written = destination.write(document.text)
    result = replace(result, profile=options.output)
    if options.output == write.STDOUT:
        print(recorded.render(result, Style.of(sys.stderr)), end="", file=sys.stderr)  # noqa: T201
    elif options.record.format is PlainFormat.JSON:
        write.write(write.STDOUT, json.dump(result))
    else:
        write.write(write.STDOUT, recorded.render(result, Style.of(sys.stdout)))
    if not written:
        _tell(f"{options.output} holds just this already")
    return 0


class _Destination:
    """Where the profile goes: what is there is replaced only if the user says so, and only as it was when we began."""

    def __init__(self, path: str, *, force: bool) -> None:
        write.check(path)
        self._path, self._force = path, force
        self._before = self._content()

    def write(self, text: str) -> bool:
        """Write it; False when it is there already. Raises UsageError for a file that must not be replaced."""
        if self._path == write.STDOUT:
            write.write(self._path, text)
            return True
        now = self._content()
        if now == text.encode():
            return False
        if now is not None and not self._force:
            raise UsageError(
                f"{self._path}: holds something else than what was recorded; --force replaces it, "
                "or choose another file with -o"
            )
        if now != self._before:
            raise UsageError(f"{self._path}: was changed by someone else meanwhile, so it was left alone")
        write.write(self._path, text)
        return True

    def _content(self) -> bytes | None:
        """What is there; None: nothing, or nothing that could be lost (a device, a pipe)."""
        if self._path == write.STDOUT or not paths.is_file(self._path):
            return None
        return Path(self._path).read_bytes()


def _scenarios(options: Options, record: RecordOptions) -> list[Scenario]:
    found = wiring.scenarios(options) if options.scenarios else []
    if record.image is None or record.ready is None:
        return found
    own = adhoc.scenario(
        record.image,
        ready=record.ready,
        probes=record.probes,
        env=dict(record.env),
        args=record.args,
        ports=record.ports,
        volumes=record.volumes,
    )
    if any(each.name == own.name for each in found):
        raise UsageError(
            f"--image {record.image}: a scenario is named {own.name} too; record them one by one"
        )
    return [*found, own]


def _request(record: RecordOptions) -> Request:
    recordings: list[Recording] = []
    documents: list[Document] = []
    for path in record.merge:
        found = _merged(path)
        if isinstance(found, profiles.Document):
            documents.append(found)
        else:
            recordings += found.recordings
    return Request(
        runs=record.runs,
        prove=record.prove,
        limits=record.limits,
        merged=tuple(recordings),
        profiles=tuple(documents),
        merged_names=record.merge,
        base=_base(record.base) if record.base else None,
    )


def _merged(path: str) -> Recorded | Document:
    """A recording or a profile: only what this program wrote says so, wherever other programs have moved that line."""
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return profiles.load(path)  # which says why it cannot be read
    if _OF_OURS.search(text):
        return json.load_recorded(text, path)
    return profiles.load(path)


def _base(name: str) -> Document:
    found = Catalog([bundled("profiles")]).find(name)
    if found.document is None:
        raise BadFileError(name, "", "the target's own default is no file that could be started from")
    return found.document


def _tell(line: str) -> None:
    sys.stderr.write(f"profile-smoke: {safe(line)}\n")  # at once: scenarios are recorded side by side
