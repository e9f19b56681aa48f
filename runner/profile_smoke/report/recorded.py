"""A recording for people: what was seen, what was added and why, and what all this does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profile_smoke.report.brief import standin_name
from profile_smoke.report.text import Colour, Style, counted, safe, seconds, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profile_smoke.recording import Recorded, Recording, Verification

_LIMITS = (
    "What these probes did not make the workload do on these images was not seen, so a call that only other work needs is "
    "refused. The reason for each added call is in the JSON (-f json)."
)


def render(result: Recorded, style: Style) -> str:
    """A few paragraphs, ending in a newline."""
    parts = [
        *(_recording(each, style) for each in result.recordings),
        _profile(result, style),
        *([_required(result, style)] if result.required is not None else []),
        "\n".join(_verified(each, style) for each in result.verified),
        *(wrap(safe(f"Note: {note}"), style.width) for note in result.notes),
        wrap(_LIMITS, style.width),
    ]
    return "\n\n".join(parts) + f"\n\ntook {seconds(result.seconds)}\n"


def _recording(recording: Recording, style: Style) -> str:
    image = standin_name(recording.image)
    image = f"{recording.image.ref}, stand-in {image}" if image else recording.image.ref
    setting = "with no_new_privs, " if recording.no_new_privileges else ""
    title = f"{recording.scenario}@{recording.target.name} ({image})"
    passed = [call for call in recording.calls if call.errno is None]
    rare = [call for call in recording.calls if call.launches < recording.launches]
    alike = ", the same each time" if recording.launches > 1 and not rare else ""
    lines = [
        style.paint(safe(title), Colour.BOLD),
        *_listed(
            "observed",
            f"{setting}{counted(recording.launches, 'launch')}, {counted(len(passed), 'call')}{alike}",
            style,
        ),
        *_listed("probes that ran", ", ".join(recording.probes), style),
    ]
    if refused := [call.name for call in recording.calls if call.errno is not None]:
        lines += _listed("refused by the default profile too", ", ".join(refused), style)
    if rare:
        times = (f"{call.name} ({call.launches} of {recording.launches})" for call in rare)
        lines += _listed("only sometimes", ", ".join(times), style)
    return "\n".join(lines)


def _profile(result: Recorded, style: Style) -> str:
    where = "the profile" if result.profile == "-" else result.profile
    total = len(result.observed) + len(result.generalised)
    sources = [
        *(f"starts from {result.base}" for _ in [0] if result.base),
        *(f"with {name}" for name in result.merged),
    ]
    lines = [
        style.paint(safe(f"{where}: {counted(total, 'call')}, sha256 {result.sha256}"), Colour.BOLD),
        *(line for source in sources for line in _listed("", source, style)),
        *_listed("seen", ", ".join(result.observed), style),
        *_listed("added, of the same families or needs", ", ".join(result.generalised), style),
    ]
    if result.limited:
        lines += _listed("with these arguments only", ", ".join(result.limited), style)
    return "\n".join(lines)


def _required(result: Recorded, style: Style) -> str:
    required = result.required or ()
    return "\n".join(
        _listed(
            f"required ({len(required)} of {len(result.observed)}: without it an enforced launch failed)",
            ", ".join(required),
            style,
        )
    )


def _verified(each: Verification, style: Style) -> str:
    setting = "with" if each.no_new_privileges else "without"
    text = f"verified: {each.scenario}@{each.target} {setting} no_new_privs passed, enforced, in {seconds(each.seconds)}"
    return style.paint(safe(text), Colour.GREEN)


def _listed(title: str, text: str, style: Style) -> Iterator[str]:
    words = f"{title}: {text}" if title else text
    yield wrap(safe(words), style.width, "  ", "    ")
