"""What the supervisor answers to a refused call, decided without touching any process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from profile_smoke.model import Answer
from profile_smoke.profile.model import Action, Decision
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from profile_smoke.profile.evaluate import Evaluator


class Control(Protocol):
    """What the target's default profile does."""

    def decide(self, audit_arch: int, number: int, args: Sequence[int]) -> Decision:
        """Its answer to a call."""

    def looks_at_args(self, audit_arch: int, number: int) -> bool:
        """Whether that answer depends on the call's arguments."""


_ENDINGS = frozenset({"exit", "exit_group"})


@dataclass(frozen=True)
class Verdict:
    """What the profile says of a call, what the control says, and what is answered.

    `answer` None means: let it pass; otherwise the decision to act out.
    """

    profile: Decision
    control: Decision | None
    answer: Decision | None


@dataclass(frozen=True)
class Policy:
    """How one observe launch answers.

    With `Answer.CONTINUE` a refused call gets what the control would give it, so that observation opens nothing more;
    with `Answer.DENY` it gets what the profile under test gives it. The runtime's own init and the calls that end
    a task get what the control would give them in both: refusing those wedges runtimes.
    """

    evaluator: Evaluator
    control: Control
    answer: Answer

    def decide(self, audit_arch: int, number: int, args: Sequence[int], *, runtime: bool) -> Verdict:
        """The answer to one call; `runtime`: the caller is still the runtime's own init."""
        arch = tables.abi(audit_arch, number)
        says = self.evaluator.decide(arch, number, args)
        if says.action.permits:
            return Verdict(says, None, None)
        control = self.control.decide(audit_arch, number, args)
        harmless = runtime or tables.name(arch, number) in _ENDINGS
        if self.answer is Answer.DENY and not harmless:
            return Verdict(says, control, says)
        return Verdict(says, control, None if control.action.permits else control)

    def looks_at_args(self, audit_arch: int, number: int) -> bool:
        """Whether the answer to a call may depend on its arguments."""
        arch = tables.abi(audit_arch, number)
        return self.evaluator.looks_at_args(arch, number) or self.control.looks_at_args(audit_arch, number)


def errno_of(decision: Decision) -> int | None:
    """The errno that a refusing decision makes the call fail with; None where it kills or traps instead."""
    if decision.action is Action.ERRNO:
        return decision.errno
    if decision.action is Action.TRACE:
        return 38  # ENOSYS: nobody traces (seccomp(2), SECCOMP_RET_TRACE)
    return None
