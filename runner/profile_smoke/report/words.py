"""The sentences about a cell that every format for people says alike: plain text of any length, escaped by who shows it."""

from __future__ import annotations

import shlex

from profile_smoke.model import (
    PHASE_CREATE,
    PHASE_START,
    PHASE_STOP,
    CellResult,
    Denial,
    Effect,
    Evidence,
    Fix,
    Launch,
    LaunchKind,
    Verdict,
)
from profile_smoke.report import brief, drift, loaded
from profile_smoke.report.text import counted, safe

_FILTER_MODE = 2  # SECCOMP_MODE_FILTER of linux/seccomp.h, as /proc/PID/status shows it
_NATIVE = ("x86_64", "aarch64")


def standing(cell: CellResult) -> str:
    """What its verdict means for the run: ``BLOCKED, though it should pass``; one without a story is its verdict."""
    if cell.verdict is Verdict.ERROR:
        return "error: nothing is said about the profile"
    if cell.forbidden:
        return f"{cell.verdict}, but permits what it must not"
    if cell.verdict is not Verdict.BLOCKED:
        return cell.verdict.value
    if cell.unexpected:
        return "BLOCKED, though it should pass"
    return "blocked, as expected" if cell.gates else "blocked (only informs)"


def what_happened(cell: CellResult) -> str:
    """One sentence: the workload, where it failed, and how that showed."""
    image = f" ({cell.image.ref})" if cell.image and not cell.image.standin else ""
    if cell.image and cell.image.standin:
        image = f" (stand-in {brief.standin_name(cell.image)} for {cell.image.ref})"
    subject = f"{cell.scenario}{image}"
    reason = f": {cell.reason}" if cell.reason else ""
    if cell.verdict is Verdict.ERROR:
        place = f" in phase {cell.phase}" if cell.phase else ""
        return f"{subject} could not be judged{place}{reason}."
    if cell.verdict is Verdict.SKIPPED:
        return f"{subject} was not run{reason}."
    if cell.verdict is Verdict.PASSED:
        return f"Under the profile `{cell.profile.name}`, {subject} works."
    return f"Under the profile `{cell.profile.name}`, {subject} {_failed_at(cell.phase)}{reason}."


def _failed_at(phase: str | None) -> str:
    if phase is None:
        return "does not work"
    if phase == PHASE_CREATE:
        return "was never started: the filter already binds the runtime's own init (phase create)"
    if phase == PHASE_START:
        return "started, but was never ready (phase start)"
    if phase == PHASE_STOP:
        return "worked, but did not stop as it should (phase stop)"
    return f"was ready, but then failed a probe ({phase})"


def blockers(cell: CellResult) -> str:
    """Which calls block it, as far as that is known: ``The call that blocks it: ftruncate``."""
    if cell.blocking:
        title = "The calls that block it" if len(cell.blocking) > 1 else "The call that blocks it"
        if cell.fix and not cell.fix.minimal:
            title = "Proven to block it, and there may be more"
        return f"{title}: {', '.join(cell.blocking)}"
    if cell.fix and cell.fix.verified:
        calls = counted(brief.fixed_calls(cell.fix), "call")
        return f"The calls that block it are among the {calls} of the fix below; no single one was proven"
    return f"Which syscall blocked it is not known{': the notes below say why' if cell.notes else ''}"


def refusals(cell: CellResult, effect: Effect) -> list[Denial]:
    """Those of the failing phase first, each phase in the order of events."""
    chosen = (denial for denial in cell.denials if denial.effect is effect)
    return sorted(chosen, key=lambda denial: (denial.phase != cell.phase, denial.first_ms, denial.syscall))


def only_relaunched(cell: CellResult) -> list[str]:
    """The blocking calls that no observed launch met."""
    seen = {denial.syscall for denial in refusals(cell, Effect.BLOCKING)}
    return [name for name in cell.blocking if name not in seen]


def attempt(denial: Denial) -> str:
    """``ftruncate(15, 0) = EPERM``."""
    return f"{denial.text} = {'killed by SIGSYS' if denial.errno == 'SIGSYS' else denial.errno}"


def circumstances(denial: Denial) -> str:
    """Who, in which phase, when and how often, as far as it was seen."""
    place = f"in phase {denial.phase}"
    if denial.process.comm:
        times = f", {denial.count} times" if denial.count > 1 else ""
        place = (
            f"{program(denial)} {place}, {denial.first_ms:.0f} ms after launch{times}{foreign_abi(denial)}"
        )
    return place + seen(denial)


def program(denial: Denial) -> str:
    """``mariadbd (/usr/sbin/mariadbd, pid 17)``."""
    process = denial.process
    where = f"{process.exe}, " if process.exe else ""
    return f"{process.comm} ({where}pid {process.pid})"


def foreign_abi(denial: Denial) -> str:
    """``, by the x86 ABI``; empty for the machine's own."""
    return "" if denial.arch in _NATIVE else f", by the {denial.arch} ABI"


def seen(denial: Denial) -> str:
    """How we know, where it was not told by the kernel in an observed launch."""
    match denial.evidence:
        case Evidence.NOTIFY:
            return ""
        case Evidence.AUDIT:
            return " (from the kernel's audit records)"
        case Evidence.RELAUNCH:
            return " (found by relaunching)"


def launch_label(cell: CellResult, launch: Launch) -> str:
    """What an enforced launch shows; empty for a mere step of the search."""
    if not launch.allowed:
        return f"`{cell.profile.name}` as it is"
    rules = cell.fix.rules if cell.fix else ()
    fixed = {name for rule in rules for name in rule["names"]} or set(cell.blocking)
    left_out = fixed - set(launch.allowed)
    if set(launch.allowed) - fixed or len(left_out) > 1:
        return ""
    return f"`{cell.profile.name}` + the fix" + (f" without {left_out.pop()}" if left_out else "")


def fixed_launches(cell: CellResult) -> list[tuple[str, Launch]]:
    """What launches with the fix showed, and with the fix but for a part: each with its label, the whole fix first."""
    told = ((launch_label(cell, launch), launch) for launch in cell.launches if launch.allowed)
    # The same calls may have been tried with narrower rules before: the last launch is the one that counts.
    last = {label: launch for label, launch in told if label and launch.kind is LaunchKind.ENFORCE}
    return sorted(last.items(), key=lambda item: -len(item[1].allowed))


def filter_state(cell: CellResult) -> str:
    """Whether the filter was on, and whether it does what the profile says; empty where it could not be asked."""
    check = cell.filter
    if check is None or check.mode is None:
        return ""
    on = "The filter was on" if check.mode == _FILTER_MODE else "The filter was NOT on"
    read = ""
    if check.instructions is not None:
        does = (
            "does what the profile says"
            if not check.differences
            else "does other than the profile says (see the notes)"
        )
        cost = f", {words}" if (words := loaded.cost(check.cost)) else ""
        read = f"; read back from the kernel ({check.instructions} instructions{cost}), it {does}"
    note = f"; {check.note}" if check.note else ""
    return f"{on} (Seccomp: {check.mode}){read}{note}."


def fix_proof(found: Fix) -> str:
    """What launches showed of a fix."""
    cost = f"({counted(found.launches, 'launch')})"
    if not found.verified:
        return "No launch proved it: take it as a hint."
    if found.minimal:
        return f"With it the cell passes, and with any part of it left out it does not {cost}."
    return f"With it the cell passes {cost}; whether every part of it is needed was not proven."


def fix_place(cell: CellResult) -> str:
    """Where its rules go."""
    if path := cell.profile.path:
        return f'add to "syscalls" in {path}'
    return "the rules that the target's default profile lacks"


def command(cell: CellResult) -> str:
    """The command that runs this cell alone again; a path, where there is one, finds the profile from anywhere."""
    words = {
        "--profile": cell.profile.path or cell.profile.name,
        "--scenario": cell.scenario,
        "--target": cell.target.name,
    }
    if brief.setting(cell):
        words["--privilege-escalation"] = "denied" if cell.no_new_privileges else "allowed"
    return " ".join(["profile-smoke", *(f"{option} {quoted(word)}" for option, word in words.items())])


def quoted(text: str) -> str:
    """One word of a command line to copy, without anything that a terminal would obey."""
    return shlex.quote(safe(text))


def caveats(cell: CellResult) -> list[str]:
    """Everything that is to be known beside the verdict: drift, notes, where the loaded filter differs or opens."""
    differences = cell.filter.differences if cell.filter else ()
    opening = [each.text for each in cell.filter.findings if each.opens] if cell.filter else []
    return [
        *drift.lines(cell),
        *cell.notes,
        *(f"the loaded filter differs from the profile: {line}" for line in differences),
        *(f"the loaded filter opens what the profile refuses: {line}" for line in opening),
    ]
