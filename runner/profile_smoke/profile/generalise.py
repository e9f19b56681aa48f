"""From the calls that were seen to a profile that also holds with another libc, kernel, architecture and runtime.

What is allowed beyond what was seen comes from the tables of `profile.families`, each name with its reason. Arguments are
limited as far as what was seen supports it. All else answers EPERM where the kernel keeps it for a capability, and ENOSYS
otherwise (see `syscall.refusals`).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from profile_smoke.profile.families import RUNTIME, STARTUP, relatives
from profile_smoke.profile.model import Action, Arg, Op, Profile, Rule
from profile_smoke.syscall import danger, refusals, tables

OPTIONAL_LIMITS = ("prctl", "ioctl")
"""Calls whose arguments are limited only where that is asked for: libraries and terminals use ever new ones."""
_NAMESPACE_FLAGS = danger.NAMESPACE_FLAGS & ~0xFF
"""Of clone(2)'s flags; its lowest byte is the signal that the child sends at its end."""
_WORD = 0xFFFFFFFF
_AF_INET, _AF_INET6, _AF_NETLINK = 2, 10, 16
_PER_QUERY = 0xFFFFFFFF
# linux/prctl.h: what glibc and musl do on their own (PR_SET_NAME, PR_GET_NAME, PR_SET_VMA), and a runtime's init that drops
# capabilities or changes its user (PR_SET_KEEPCAPS, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_SET_NO_NEW_PRIVS,
# PR_SET_DUMPABLE, PR_SET_PDEATHSIG).
_PRCTL_ALWAYS = frozenset({15, 16, 0x53564D41, 8, 23, 24, 47, 38, 4, 1})
# asm-generic/ioctls.h: isatty(3) is TCGETS in glibc, TCGETS2 in its newest, TIOCGWINSZ in musl.
_IS_TERMINAL = frozenset({0x5401, 0x802C542A, 0x5413})
_SOCKETCALL = "socketcall"


@dataclass(frozen=True)
class Use:
    """A call that was seen: its name, the ABIs it was made by, and how it was answered.

    `errno` None: it was let pass. `args` are the distinct arguments that it was let pass with, those at least that a limit
    looks at; None where not all are known, so that none may be required.
    """

    name: str
    arches: frozenset[str]
    errno: int | None = None
    args: frozenset[tuple[int, ...]] | None = None


@dataclass(frozen=True)
class Generalised:
    """The profile, and why it allows what was not seen: name to reason. `limited` are the calls with argument conditions."""

    profile: Profile
    added: Mapping[str, str]
    limited: tuple[str, ...]


def generalise(uses: Iterable[Use], *, limits: Collection[str] = ()) -> Generalised:
    """The profile for everything that was seen. `limits` are those of OPTIONAL_LIMITS that are wanted."""
    merged = merge(uses)
    seen = {use.name for use in merged if use.errno is None}
    added = {
        **relatives({*seen, *STARTUP, *RUNTIME}),
        **dict.fromkeys(RUNTIME, "for the runtime's own init"),
        **dict.fromkeys(STARTUP, "for the start and end of any program"),
        **relatives(seen),
    }
    allowed = {*seen, *added}
    conditional = _conditional({use.name: use for use in merged if use.errno is None}, allowed, limits)
    plain = sorted(allowed - conditional.keys())
    refused = _refused(merged, allowed)
    rules = (
        Rule(tuple(plain), Action.ALLOW),
        *(rule for name in sorted(conditional) for rule in conditional[name]),
        *(
            Rule(tuple(sorted(names)), Action.ERRNO, errno_ret=code)
            for code, names in sorted(refused.items())
            if names
        ),
    )
    profile = Profile(Action.ERRNO, errno.ENOSYS, architectures=_architectures(merged), rules=rules)
    return Generalised(
        profile,
        {name: added[name] for name in sorted(allowed - seen)},
        tuple(sorted(conditional)),
    )


def merge(uses: Iterable[Use]) -> tuple[Use, ...]:
    """One entry per name, sorted: what several launches, workloads or recordings saw together.

    A call that was let pass in one of them is a call that was let pass.
    """
    found: dict[str, Use] = {}
    for use in uses:
        known = found.get(use.name)
        found[use.name] = use if known is None else _both(known, use)
    return tuple(found[name] for name in sorted(found))


def _both(one: Use, other: Use) -> Use:
    arches = one.arches | other.arches
    if (one.errno is None) is not (other.errno is None):
        passed = one if one.errno is None else other
        return Use(one.name, arches, None, passed.args)
    args = None if one.args is None or other.args is None else one.args | other.args
    return Use(one.name, arches, one.errno, args)


def _architectures(uses: Sequence[Use]) -> tuple[str, ...]:
    """The 64-bit ABIs, and the 32-bit ones where one of them was used: elsewhere they stay shut."""
    seen = {arch for use in uses for arch in use.arches}
    arches = ["x86_64", "aarch64"]
    if seen & {"x86", "arm"}:
        arches += ["x86", "arm"]
    if "x32" in seen:
        arches.append("x32")
    return tuple(map(tables.scmp_arch, arches))


def _refused(uses: Sequence[Use], allowed: Collection[str]) -> dict[int, set[str]]:
    """What answers otherwise than by default: what was refused while the workload went on keeps its answer.

    `clone3` has a rule of its own because engines before Docker 23.0 drop the default errno, and `socketcall` because
    libseccomp opens it for the rules on `socket` unless a rule speaks of it (src/syscalls.c).
    """
    answers = dict.fromkeys(refusals.refused(allowed), errno.EPERM)
    if _SOCKETCALL not in allowed:
        answers[_SOCKETCALL] = errno.EPERM
    for use in uses:
        if use.errno is not None and use.name not in allowed and use.errno != errno.ENOSYS:
            answers[use.name] = use.errno
    if "clone3" not in allowed:
        answers["clone3"] = errno.ENOSYS
    found: dict[int, set[str]] = {}
    for name, code in answers.items():
        found.setdefault(code, set()).add(name)
    return found


def _conditional(
    seen: Mapping[str, Use], allowed: Collection[str], limits: Collection[str]
) -> dict[str, tuple[Rule, ...]]:
    """The rules of calls whose arguments are limited."""
    found: dict[str, tuple[Rule, ...]] = {}
    for name, limit in _LIMITS.items():
        if name not in allowed or (name in OPTIONAL_LIMITS and name not in limits):
            continue
        use = seen.get(name)
        args = frozenset[tuple[int, ...]]() if use is None else use.args
        if args is not None and (rules := limit(args)):
            found[name] = tuple(Rule((name,), Action.ALLOW, args=rule) for rule in rules)
    return found


_Rules = Sequence[tuple[Arg, ...]]


def _clone(args: Collection[tuple[int, ...]]) -> _Rules:
    """No namespace that it did not make."""
    made = 0
    for each in args:
        made |= each[0]
    return ((Arg(0, _NAMESPACE_FLAGS & ~made, Op.MASKED_EQ, 0),),)


def _socket(args: Collection[tuple[int, ...]]) -> _Rules:
    """The families that it opened, of netlink the protocols; IPv6 with IPv4, as the host's network decides which."""
    families = {each[0] for each in args if each[0] != _AF_NETLINK}
    if families & {_AF_INET, _AF_INET6}:
        families |= {_AF_INET, _AF_INET6}
    protocols = sorted({each[2] for each in args if each[0] == _AF_NETLINK})
    netlink = [(Arg(0, _AF_NETLINK, Op.EQ), Arg(2, protocol, Op.EQ)) for protocol in protocols]
    return (*((Arg(0, family, Op.EQ),) for family in sorted(families)), *netlink)


def _first(args: Collection[tuple[int, ...]]) -> _Rules:
    return tuple((Arg(0, value, Op.EQ),) for value in sorted({each[0] for each in args}))


def _personality(args: Collection[tuple[int, ...]]) -> _Rules:
    """What it set; asking is always free."""
    values = {each[0] for each in args} | {_PER_QUERY}
    return tuple((Arg(0, value, Op.EQ),) for value in sorted(values))


def _prctl(args: Collection[tuple[int, ...]]) -> _Rules:
    options = {each[0] for each in args} | _PRCTL_ALWAYS
    return tuple((Arg(0, option, Op.EQ),) for option in sorted(options))


def _ioctl(args: Collection[tuple[int, ...]]) -> _Rules:
    """By 32 bits, as the kernel reads a request: libraries extend its sign or do not."""
    requests = {each[1] & _WORD for each in args}
    if requests & _IS_TERMINAL:
        requests |= _IS_TERMINAL
    return tuple((Arg(1, _WORD, Op.MASKED_EQ, request),) for request in sorted(requests))


_LIMITS: Mapping[str, Callable[[Collection[tuple[int, ...]]], _Rules]] = {
    "clone": _clone,
    "socket": _socket,
    "socketpair": _first,
    "personality": _personality,
    "prctl": _prctl,
    "ioctl": _ioctl,
}
