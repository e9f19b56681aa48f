"""The calls that 32-bit x86 also reaches through one number for many: `socketcall` and `ipc`.

The sub-call's number is the first argument of the multiplexer. Sources: linux/net.h (`SYS_*`), linux/ipc.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SOCKETCALL = """
    socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom shutdown
    setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg
"""
_IPC = {
    1: "semop semget semctl semtimedop",
    11: "msgsnd msgrcv msgget msgctl",
    21: "shmat shmdt shmget shmctl",
}

SOCKETCALL: Mapping[int, str] = dict(enumerate(_SOCKETCALL.split(), 1))
"""Sub-call number to name."""
IPC: Mapping[int, str] = {
    number: name for first, names in _IPC.items() for number, name in enumerate(names.split(), first)
}
THROUGH: Mapping[str, tuple[str, int]] = {
    **{name: ("socketcall", number) for number, name in SOCKETCALL.items()},
    **{name: ("ipc", number) for number, name in IPC.items()},
}
"""Name to its multiplexer and number there."""
