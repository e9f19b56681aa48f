"""The kernel's side of seccomp user notification: structures, ioctls, and the message that carries the listener.

Sources: linux/include/uapi/linux/seccomp.h, seccomp_unotify(2); the message on `listenerPath` is the OCI runtime
specification's "containerProcessState" (config-linux.md, `listenerPath`).
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
from dataclasses import dataclass
from typing import Any

from profile_smoke.errors import InstrumentError

NOTIF_SIZE = 80
"""struct seccomp_notif: id u64, pid u32, flags u32, then seccomp_data: nr s32, arch u32, ip u64, args u64[6]."""
_HEAD = struct.Struct("=QIIiI")
_ARGUMENTS, _ARGUMENTS_AT = struct.Struct("=6Q"), 32
_RESPONSE = struct.Struct("=QqiI")

_RECV = 0xC0502100  # _IOWR('!', 0, struct seccomp_notif)
_SEND = 0xC0182101  # _IOWR('!', 1, struct seccomp_notif_resp)
_SET_FLAGS = 0x40082104  # _IOW('!', 4, __u64)
_SYNC_WAKE_UP = 1
_CONTINUE = 1

_EMPTY = bytes(NOTIF_SIZE)
_MESSAGE_LIMIT = 1 << 20
_MESSAGE_SECONDS = 5.0


@dataclass(frozen=True)
class Handover:
    """What the runtime tells when it hands over a listener.

    `metadata` is the profile's `listenerMetadata`; `creating` is True for a container's init, False for an exec'd
    process; `pid` is that process, in our pid namespace.
    """

    listener: int
    metadata: str
    creating: bool
    pid: int


def receive(listener: int, buffer: bytearray) -> tuple[int, int, int, int] | None:
    """Fill `buffer` (reusable, NOTIF_SIZE) with the next notification: its (id, pid, number, audit arch).

    None when it was cancelled in between: a Go program's preemption signals cancel and restart calls, so
    ENOENT is normal, and EINTR too.
    """
    buffer[:] = _EMPTY  # the kernel refuses a buffer that is not zeroed
    try:
        fcntl.ioctl(listener, _RECV, buffer)
    except (FileNotFoundError, InterruptedError):
        return None
    ident, pid, _flags, number, arch = _HEAD.unpack_from(buffer)
    return ident, pid, number, arch


def arguments(buffer: bytearray) -> tuple[int, ...]:
    """The six argument registers of the notification in `buffer`."""
    return _ARGUMENTS.unpack_from(buffer, _ARGUMENTS_AT)


def send(listener: int, ident: int, errno: int | None) -> bool:
    """Answer: let the kernel carry the call out (None), or make it fail with `errno`; False when the caller is gone."""
    flags, error = (_CONTINUE, 0) if errno is None else (0, -errno)
    try:
        fcntl.ioctl(listener, _SEND, _RESPONSE.pack(ident, 0, error, flags))
    except FileNotFoundError:
        return False
    return True


def wake_synchronously(listener: int) -> None:
    """Keep caller and supervisor on one CPU (Linux 6.6), for about twice the rate; older kernels go without."""
    try:
        fcntl.ioctl(listener, _SET_FLAGS, _SYNC_WAKE_UP)
    except OSError:
        return


def take_handover(connection: socket.socket) -> Handover:
    """Read the runtime's message and the listener's descriptor from an accepted connection.

    Raises:
        InstrumentError: it is not such a message, or it does not come within five seconds.
    """
    connection.settimeout(_MESSAGE_SECONDS)
    data, descriptors = b"", []
    try:
        document: dict[str, Any] | None = None
        while document is None:
            chunk, received, _flags, _address = socket.recv_fds(connection, 1 << 16, 8)
            descriptors += received
            data += chunk
            document = _complete(data, at_end=not chunk)
        names = document.get("fds") or []
        if len(descriptors) != 1 or names[:1] != ["seccompFd"]:
            raise InstrumentError(
                f"the runtime handed over {len(descriptors)} descriptors named {names}, not one seccompFd"
            )
        state = document.get("state") or {}
        return Handover(
            listener=descriptors.pop(),
            metadata=str(document.get("metadata", "")),
            creating=state.get("status") == "creating",
            pid=int(document.get("pid") or state.get("pid") or 0),
        )
    except OSError as error:
        raise InstrumentError(f"the runtime's message about the listener did not arrive: {error}") from error
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _complete(data: bytes, *, at_end: bool) -> dict[str, Any] | None:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        if at_end or len(data) > _MESSAGE_LIMIT:
            raise InstrumentError("the runtime's message about the listener is not JSON") from error
        return None
    if not isinstance(document, dict):
        raise InstrumentError("the runtime's message about the listener is not a JSON object")
    return document
