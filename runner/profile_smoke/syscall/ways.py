"""The ways into each class of dangerous calls, per ABI: by name, by flags, by socket family, and round the back.

A rule on a name guards one door. `clone` makes namespaces by flags, `clone3` hides them in memory; 32-bit `socketcall`
opens any socket family unseen; a call that one ABI refuses may be open in another. Sources: linux/sched.h, linux/socket.h,
linux/personality.h, linux/net.h, and those of `syscall.danger`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from profile_smoke.syscall import danger, tables

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORD = 0xFFFFFFFF
_NAMESPACES = {
    "CLONE_NEWNS": 0x00020000,
    "CLONE_NEWCGROUP": 0x02000000,
    "CLONE_NEWUTS": 0x04000000,
    "CLONE_NEWIPC": 0x08000000,
    "CLONE_NEWUSER": 0x10000000,
    "CLONE_NEWPID": 0x20000000,
    "CLONE_NEWNET": 0x40000000,
}
_FAMILIES = {"AF_ALG": 38, "AF_VSOCK": 40}
_PERSONALITIES = {"ADDR_NO_RANDOMIZE": 0x0040000, "READ_IMPLIES_EXEC": 0x0400000}
_SYS_SOCKET = 1
_SOCKETS, _PERSONALITY, _CAPABILITIES = "sockets", "personality", "capabilities"

_MORE = (
    danger.Danger(
        _SOCKETS,
        "reaches the hypervisor's sockets (AF_VSOCK) or the kernel's crypto code (AF_ALG)",
        "vsock(7), Documentation/crypto/userspace-if.rst",
        frozenset({"socket", "socketcall"}),
    ),
    danger.Danger(
        _PERSONALITY,
        "switches address randomisation or the protection of data from execution off",
        "personality(2)",
        frozenset({"personality"}),
    ),
    danger.Danger(
        _CAPABILITIES,
        "changes the process's capabilities, within what the container has",
        "capset(2)",
        frozenset({"capset"}),
    ),
)
CLASSES: Mapping[str, danger.Danger] = {each.name: each for each in (*danger.CLASSES, *_MORE)}
"""Every class by its name: those of `danger`, and those that only some arguments belong to, or that engines allow."""


@dataclass(frozen=True)
class Way:
    """One way into a class.

    `detail` names the arguments that make it one, empty where the call itself does; `fixed` are their bits as (argument,
    mask, value). The kernel reads all arguments judged here as 32 bits, so the upper halves stay free.
    """

    syscall: str
    danger: str
    detail: str = ""
    fixed: tuple[tuple[int, int, int], ...] = ()


@functools.cache
def ways(arch: str) -> tuple[Way, ...]:
    """All ways of one ABI, in the order of the classes."""
    named = [Way(name, each.name) for each in danger.CLASSES for name in sorted(each.calls)]
    flags = [Way("clone", "namespaces", flag, ((0, value, value),)) for flag, value in _NAMESPACES.items()]
    sockets = [Way("socket", _SOCKETS, family, ((0, _WORD, value),)) for family, value in _FAMILIES.items()]
    protections = [
        Way("personality", _PERSONALITY, name, ((0, _WORD, value),)) for name, value in _PERSONALITIES.items()
    ]
    through = [Way("socketcall", _SOCKETS, "SYS_SOCKET, any family", ((0, _WORD, _SYS_SOCKET),))]
    every = [*named, *flags, *sockets, *through, *protections, Way("capset", _CAPABILITIES)]
    order = list(CLASSES)
    there = (way for way in every if tables.number(arch, way.syscall) is not None)
    return tuple(sorted(there, key=lambda way: order.index(way.danger)))
