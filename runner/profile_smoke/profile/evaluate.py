"""What a plain profile means to runc and libseccomp, call by call.

Sources: runc libcontainer/seccomp/seccomp_linux.go (rules, defaults) and patchbpf/enosys_linux.go (the ENOSYS
boundary); libseccomp src/db.c (order of conditional rules), src/gen_bpf.c (foreign ABIs), src/syscalls.c (32-bit
`socketcall` and `ipc`).
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from profile_smoke.errors import RuntimeRefusedError
from profile_smoke.profile import returns
from profile_smoke.profile._effect import alternatives
from profile_smoke.profile.conditions import ConflictError, Tree
from profile_smoke.profile.model import Action, Arg, Decision, Op, Profile, Rule
from profile_smoke.syscall import multiplexed, tables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WORD = 0xFFFFFFFF
_BAD_ARCH = returns.value(Action.KILL_THREAD)
_ENOSYS = returns.value(Action.ERRNO, errno.ENOSYS)


@dataclass
class _Filter:
    """One ABI's rules: a tree for each number, and the highest number that the profile knows (0: no boundary)."""

    arch: str
    boundary: int = 0
    by_number: dict[int | str, Tree] = field(default_factory=dict)

    def tree(self, number: int | str) -> Tree:
        if number not in self.by_number:
            self.by_number[number] = Tree(wide=self.arch in ("x86_64", "aarch64"))
        return self.by_number[number]


class Evaluator:
    """What the runtime's filter does with any call.

    Args:
        profile: a plain one (no includes, excludes, archMap).
        native: the ABI of the machine that the runtime runs on; libseccomp always adds it.
        known: whether the runtime's libseccomp knows a name; None: it knows all that our tables know.
        enosys_boundary: whether the runtime answers ENOSYS above the highest number known to the profile, as runc does.

    Raises:
        RuntimeRefusedError: the runtime would refuse the profile.
    """

    def __init__(
        self,
        profile: Profile,
        native: str,
        *,
        known: Callable[[str], bool] | None = None,
        enosys_boundary: bool = True,
    ) -> None:
        self.profile = profile
        self._default = _ret(profile.default_action, profile.default_errno_ret)
        listed = [arch for arch in map(tables.arch_of_scmp, profile.architectures) if arch]
        self._filters = {arch: _Filter(arch) for arch in (native, *listed)}
        for rule in profile.rules:
            self._add(rule, known)
        if (
            enosys_boundary
            and not profile.default_action.permits
            and profile.default_action is not Action.TRACE
        ):
            for arch in listed:
                self._filters[arch].boundary = _highest(profile, arch, known)

    def decide(self, arch: str, number: int, args: Sequence[int]) -> Decision:
        """What happens to a call: `number` as the kernel sees it (x32 with bit 30), up to six `args`."""
        return returns.decision(self.ret(arch, number, args))

    @property
    def otherwise(self) -> Decision:
        """What happens to a call of an ABI that the filter has, where no rule holds."""
        return returns.decision(self._default)

    def looks_at_args(self, arch: str, number: int) -> bool:
        """Whether the answer to this call depends on its arguments."""
        rules = self._filters.get(arch)
        tree = rules.by_number.get(number & _WORD) if rules else None
        return tree is not None and tree.conditional

    def ret(self, arch: str, number: int, args: Sequence[int]) -> int:
        """The value that the filter returns to the kernel for a call."""
        number &= _WORD
        if arch in ("x86_64", "x32"):
            return self._ret_x86_64(number, args)
        rules = self._filters.get(arch)
        return self._look_up(rules, number, args) if rules else _BAD_ARCH

    def _ret_x86_64(self, number: int, args: Sequence[int]) -> int:
        """Two ABIs share one audit architecture; one that the filter lacks is a bad architecture."""
        x86_64, x32 = self._filters.get("x86_64"), self._filters.get("x32")
        rules = x32 if number & tables.X32_BIT else x86_64
        if rules and 0 < rules.boundary < number:
            return _ENOSYS
        if x86_64 and not x32:
            if number == _WORD:
                return self._default  # -1, by which a tracer skips a call, is left alone
            return self._look_up(x86_64, number, args) if number < tables.X32_BIT else _BAD_ARCH
        if x32 and not x86_64 and number < tables.X32_BIT:
            return _BAD_ARCH
        return self._look_up(rules, number, args) if rules else _BAD_ARCH

    def _look_up(self, rules: _Filter, number: int, args: Sequence[int]) -> int:
        if 0 < rules.boundary < number:
            return _ENOSYS
        tree = rules.by_number.get(number)
        found = tree.run(args) if tree else None
        return self._default if found is None else found

    def _add(self, rule: Rule, known: Callable[[str], bool] | None) -> None:
        action = _ret(rule.action, rule.errno_ret)
        if action == self._default:
            return  # runc skips what the default says anyway
        ways = alternatives(rule.args)
        for name in rule.names:
            if known is None or known(name):
                for rules in self._filters.values():
                    for args in ways:
                        _add_to(rules, name, args, action)


def _ret(action: Action, errno_ret: int | None) -> int:
    return returns.value(action, errno.EPERM if errno_ret is None else errno_ret)


def _add_to(rules: _Filter, name: str, args: tuple[Arg, ...], action: int) -> None:
    """Add one rule to one ABI. Raises RuntimeRefusedError."""
    number = tables.number(rules.arch, name)
    try:
        if rules.arch == "x86" and name in multiplexed.THROUGH:
            # libseccomp covers the multiplexer too; its first condition takes the place of one on argument 0.
            through, index = multiplexed.THROUGH[name]
            others = tuple(arg for arg in args if arg.index)
            rules.tree(tables.numbers("x86")[through]).add((Arg(0, index, Op.EQ), *others), action)
        if number is not None or (name in tables.all_names() and rules.arch != "x86"):
            # A call that this ABI lacks still gets a place in the rules, so that it can be refused.
            rules.tree(name if number is None else number).add(args, action)
    except ConflictError:
        raise RuntimeRefusedError(
            f"the runtime would refuse this profile (adding seccomp rule for syscall {name}: file exists): "
            "two of its rules want different actions for the same condition"
        ) from None


def _highest(profile: Profile, arch: str, known: Callable[[str], bool] | None) -> int:
    """The highest number that any rule names, whatever its action. Multiplexed calls of x86 count as having none."""
    names = {name for rule in profile.rules for name in rule.names if known is None or known(name)}
    if arch == "x86":
        names -= multiplexed.THROUGH.keys()
    return max((tables.number(arch, name) or 0 for name in names), default=0)
