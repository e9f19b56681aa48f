"""`profile-smoke profile convert`: the same profile in another format."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from profile_smoke import paths
from profile_smoke.cli import reading
from profile_smoke.cli.profile_options import Kind, Reader
from profile_smoke.errors import BadFileError, UsageError
from profile_smoke.profile import document as documents
from profile_smoke.profile import raw_oci, spo
from profile_smoke.profile.catalog import NamedProfile
from profile_smoke.profile.difference import Difference, Effect, differences
from profile_smoke.profile.render import to_docker, to_oci
from profile_smoke.report import write
from profile_smoke.report.text import counted, safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from profile_smoke.cli.profile_options import ConvertOptions
    from profile_smoke.cli.reading import Reading

_YAML = (".yaml", ".yml")
_SHOWN = 12
_EFFECTS = {
    Effect.CLOSES: "not kept, now refused",
    Effect.CHANGES: "not kept, refused otherwise",
}


def main(options: ConvertOptions) -> int:
    """Write the profile in the other format: 0. What could not be kept is told on stderr."""
    write.check(options.output)
    if options.kind is not Kind.SPO and (options.name or options.namespace):
        raise UsageError("--name and --namespace are for --to spo only")
    named, notes = _source(options)
    source = reading.read(named, Reader.DOCKER, options.host)
    text, more = _converted(named, source, options)
    notes += [*more, *_lost(source, text, options)]
    if options.output != write.STDOUT and paths.is_file(options.output):
        notes.append(f"{options.output}: replaced the file that was there")
    write.write(options.output, text)
    for note in notes:
        print(f"profile-smoke: {safe(note)}", file=sys.stderr)  # noqa: T201  stdout may hold the profile
    return 0


def _source(options: ConvertOptions) -> tuple[NamedProfile, list[str]]:
    path = Path(options.profile)
    if path.suffix not in _YAML:
        return reading.catalog(options.profiles_dirs).find(options.profile), []
    manifest = spo.read(documents.read(path), options.profile, native=reading.native_of(options.host))
    return NamedProfile(manifest.name or path.stem, manifest.document, path), list(manifest.notes)


def _converted(named: NamedProfile, source: Reading, options: ConvertOptions) -> tuple[str, Sequence[str]]:
    document = reading.document_of(named)
    match options.kind:
        case Kind.DOCKER:
            return _json(to_docker(document.profile)), ()
        case Kind.OCI:
            return _json(to_oci(source.profile)), _resolved(named, source)
        case Kind.SPO:
            import yaml

            name = options.name or named.name.lower().replace("_", "-")
            manifest, notes = spo.to_spo(
                source.profile, name=name, namespace=options.namespace, native=source.native
            )
            return yaml.safe_dump(manifest, sort_keys=False, width=100), (*_resolved(named, source), *notes)
    assert_never(options.kind)


def _json(found: object) -> str:
    return json.dumps(found, indent=2) + "\n"


def _resolved(named: NamedProfile, source: Reading) -> Sequence[str]:
    """What only Docker's format can hold, and was taken out."""
    document = reading.document_of(named)
    notes = []
    if dropped := [field for field in raw_oci.dropped_fields(document) if not field.startswith("name ")]:
        notes.append(f"resolved for one machine ({source.native}) and container: {', '.join(dropped)}")
    if comments := sum(bool(rule.comment) for rule in document.profile.rules):
        notes.append(f"left out: {counted(comments, 'comment')}, which the format does not have")
    return notes


def _lost(source: Reading, text: str, options: ConvertOptions) -> Sequence[str]:
    """Where what was written means something else, found by reading it as its runtime will.

    Raises:
        BadFileError: it would let calls through that the original refuses.
    """
    if options.kind is Kind.SPO:
        written = spo.read(text, "the result", native=source.native).document
    else:
        written = documents.parse(text, "the result")
    reader = Reader.DOCKER if options.kind is Kind.DOCKER else Reader.KUBERNETES
    result = reading.read(NamedProfile(source.name, written, None), reader, options.host)
    found = differences(source.evaluator, result.evaluator, source.arches)
    if opened := [each for each in found if each.effect is Effect.OPENS]:
        raise BadFileError(
            source.source, "", f"{options.kind} cannot say it without opening {_text(opened[0])}"
        )
    lines = [f"{_EFFECTS[each.effect]}: {_text(each)}" for each in found]
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return [*lines[:_SHOWN], *more]


def _text(found: Difference) -> str:
    calls = ", ".join(found.names) or f"{len(found.numbers)} calls without a name"
    return f"{calls} on {found.abi}{found.change}"
