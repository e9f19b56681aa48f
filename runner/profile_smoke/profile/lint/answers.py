"""Rules about refusals that programs and runtimes cannot live with, and about what a default action does to new calls."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from profile_smoke.profile._effect import of_default
from profile_smoke.profile.lint.interface import Report, Rule, Severity
from profile_smoke.profile.lint.subject import grouped, refusing
from profile_smoke.profile.model import Action, Decision

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profile_smoke.profile.lint.subject import Place, Subject

_WITH_FALLBACK = {
    "clone3": "glibc falls back to clone at ENOSYS only; with another errno no thread starts",
    "statx": "libc falls back to the older stat calls at ENOSYS only",
    "faccessat2": "libc falls back to faccessat at ENOSYS only",
    "openat2": "programs fall back to openat at ENOSYS only",
    "fchmodat2": "libc falls back to its own emulation at ENOSYS only",
}
"""Calls that came later than the ones they replace: glibc sysdeps/unix/sysv/linux, musl src/thread and src/stat."""

_INIT_ALWAYS = "close execve fstatfs getdents64 openat write"
"""Refused with EPERM one at a time, all others allowed, each of these stopped runc 1.1.5 from starting a container, with
no_new_privs and without (x86-64, Linux 6.18)."""
_INIT_WITH_PRIVILEGES = (
    "capget capset chdir fstat getcwd getppid newfstatat prctl read setgid setgroups setuid"
)
"""Likewise, but only without no_new_privs, where runc loads the filter earlier."""


def _new_call(subject: Subject) -> Iterator[Report]:
    """One finding for each place that refuses some of them, with the reason of the first."""
    for (place, answer), names in grouped(_without_fallback(subject)).items():
        yield Report(
            place,
            f"{', '.join(names)} answered with {answer}, not ENOSYS: {_WITH_FALLBACK[names[0]]}",
        )


def _without_fallback(subject: Subject) -> Iterator[tuple[tuple[Place, str], str]]:
    """Those calls that some ABI answers wrongly: where that is said and with what answer, and the name."""
    for name in _WITH_FALLBACK:
        answers = (subject.decide(arch, name) for arch in subject.abis)
        wrong = next((answer for answer in answers if answer and not _falls_back(answer)), None)
        if wrong is not None:
            yield (subject.of(name, refusing), _shown(wrong)), name


def _falls_back(answer: Decision) -> bool:
    return answer.action.permits or answer == Decision(Action.ERRNO, errno.ENOSYS)


def _shown(answer: Decision) -> str:
    if answer.action is Action.ERRNO:
        return errno.errorcode.get(answer.errno, f"errno {answer.errno}")
    return str(answer.action)


def _default_not_enosys(subject: Subject) -> Iterator[Report]:
    profile = subject.loaded
    answer = Decision(*of_default(profile))
    if not _falls_back(answer):
        yield Report(
            subject.key("defaultErrnoRet", "defaultAction"),
            f"the default answer is {_shown(answer)}, also to calls newer than the profile, which programs try first and "
            "give up only at ENOSYS; ENOSYS as default (defaultErrnoRet 38) and EPERM by rule is what they can live with",
        )


def _default_permits(subject: Subject) -> Iterator[Report]:
    if subject.profile.default_action.permits:
        yield Report(
            subject.key("defaultAction"),
            "the default permits: every call that the profile does not name, or that a later kernel brings, is open",
        )


def _exit_refused(subject: Subject) -> Iterator[Report]:
    yield from _refused(
        subject,
        "exit_group",
        "{} is refused: programs end by a crash, and a runtime whose init fails under the filter hangs instead of "
        "saying why",
    )


def _runtime_call_refused(subject: Subject) -> Iterator[Report]:
    yield from _refused(subject, _INIT_ALWAYS, "no container starts: runc's init needs {} under the filter")
    yield from _refused(
        subject,
        _INIT_WITH_PRIVILEGES,
        "containers start with no_new_privs only: without, runc's init needs {} under the filter",
    )


def _refused(subject: Subject, calls: str, text: str) -> Iterator[Report]:
    """One finding for those calls that the machine's own ABI refuses, where the first of them is refused."""
    if refused := subject.refused(calls.split()):
        yield Report(subject.of(refused[0], refusing), text.format(", ".join(refused)))


RULES = (
    Rule(
        "new-call-not-enosys",
        Severity.WARNING,
        "a new call refused otherwise than with ENOSYS, at which alone programs take the older call",
        _new_call,
    ),
    Rule(
        "default-not-enosys",
        Severity.WARNING,
        "a default action that answers calls of newer kernels otherwise than with ENOSYS",
        _default_not_enosys,
    ),
    Rule("default-permits", Severity.WARNING, "a default action that permits: a denylist", _default_permits),
    Rule("exit-refused", Severity.WARNING, "exit_group is refused", _exit_refused),
    Rule(
        "runtime-call-refused",
        Severity.WARNING,
        "calls are refused without which the runtime's own init starts no container",
        _runtime_call_refused,
    ),
)
