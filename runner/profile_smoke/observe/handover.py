"""The socket at which runtimes hand over their listeners: what they say there, and what is done about nonsense.

The message on `listenerPath` is the OCI runtime specification's "containerProcessState" (config-linux.md, `listenerPath`).
Nobody is waited for: a runtime that says nothing, or half of it, holds up no other launch.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import InstrumentError
from profile_smoke.observe.process import status_field

if TYPE_CHECKING:
    from collections.abc import Callable

_MESSAGE_LIMIT = 1 << 20
_POD_NAMES = ("io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name")
_CONTAINER_NAMES = ("io.kubernetes.cri.container-name", "io.kubernetes.container.name")
"""Annotations of containerd (`pkg/cri/annotations`), and of CRI-O, which passes the kubelet's labels on."""
_MESSAGE_SECONDS = 5.0


@dataclass(frozen=True)
class Handover:
    """What the runtime tells when it hands over a listener.

    `metadata` is the profile's `listenerMetadata`; `creating` is True for a container's init, False for an exec'd
    process; `pid` is that process, in our pid namespace; `pod` and `container` are the names that a cluster knows it
    by, empty elsewhere.
    """

    listener: int
    metadata: str
    creating: bool
    pid: int
    pod: str = ""
    container: str = ""

    def stranger(self, container: str) -> str:
        """Why it is not of the launch whose key it carries, which `container` is of, if one has come yet; empty: it is.

        Any pod can name a launch's profile, and one that is added to the launch's own pod has it from there.
        """
        # A pod of a controller has the launch's id and something behind it.
        if self.pod and self.pod != self.metadata and not self.pod.startswith(f"{self.metadata}-"):
            return f"the pod {self.pod} runs under the profile of this launch: whose calls are whose cannot be told"
        if container and container != self.container:
            return (
                f"the containers {container} and {self.container} of the pod {self.pod} both run under the profile of this "
                "launch: whose calls are whose cannot be told"
            )
        return ""


class HandoverError(InstrumentError):
    """A message that is not as it should be; `metadata` is its launch's, empty where it does not tell."""

    def __init__(self, message: str, metadata: str = "") -> None:
        super().__init__(message)
        self.metadata = metadata


class Incoming:
    """A message while it arrives, over an accepted connection, which is closed by `close`."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(0)
        self._connection = connection
        self._data, self._descriptors = b"", list[int]()
        self.deadline = time.monotonic() + _MESSAGE_SECONDS

    def fileno(self) -> int:
        """The connection's descriptor."""
        return self._connection.fileno()

    def read(self) -> Handover | None:
        """Take what has come: the message once it is whole, None where more must come.

        Raises:
            HandoverError: it is not such a message, or it broke off.
        """
        try:
            chunk, received, _flags, _address = socket.recv_fds(self._connection, 1 << 16, 8)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            raise HandoverError(f"the runtime's message about the listener broke off: {error}") from error
        self._descriptors += received
        self._data += chunk
        document = _complete(self._data, at_end=not chunk)
        return None if document is None else self._handover(document)

    def _handover(self, document: dict[str, Any]) -> Handover:
        metadata = str(document.get("metadata", ""))
        state, pid, names = document.get("state"), document.get("pid"), document.get("fds")
        if not isinstance(state, dict) or not isinstance(pid, int):
            raise HandoverError(
                "the runtime's message about the listener lacks its state or its pid", metadata
            )
        if len(self._descriptors) != 1 or names != ["seccompFd"]:
            raise HandoverError(
                f"the runtime handed over {len(self._descriptors)} descriptors named {names}, not one seccompFd",
                metadata,
            )
        creating = state.get("status") == "creating"
        here = _pid_here(_peer(self._connection), pid)
        return Handover(self._descriptors.pop(), metadata, creating=creating, pid=here, **_names(state))

    def close(self) -> None:
        """Close whatever came with a message that was not taken, then the connection."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()
        self._connection.close()


def _names(state: dict[str, Any]) -> dict[str, str]:
    """Of pod and container, where the runtime tells them."""
    annotations = state.get("annotations")
    found = annotations if isinstance(annotations, dict) else {}
    return {
        key: next((str(found[name]) for name in names if name in found), "")
        for key, names in (("pod", _POD_NAMES), ("container", _CONTAINER_NAMES))
    }


def _peer(connection: socket.socket) -> int:
    """The runtime that hands over, in our pid namespace (unix(7), SO_PEERCRED)."""
    size = struct.calcsize("3i")
    return int(struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[0])


def _pid_here(peer: int, pid: int) -> int:
    """The pid here of what the runtime `peer` calls `pid`: in a kind node it counts in a namespace of its own.

    It is a child of the runtime's, or the runtime's own namespace is ours; 0 where neither is found.
    """
    level = len(_namespace_pids(peer)) - 1
    if level <= 0:  # ours, or it may not be looked at, or is gone
        return pid
    for child in _children(peer):
        if _namespace_pids(child)[level : level + 1] == [pid]:
            return child
    return 0


def _children(peer: int) -> list[int]:
    """Those of all its threads (proc_pid_children(5)); none when it is gone, which it may be at any moment."""
    found: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{peer}/task").iterdir():
            with suppress(OSError):
                found += map(int, (thread / "children").read_text("ascii").split())
    return found


def _namespace_pids(pid: int) -> list[int]:
    """Its pids from our namespace down to its own (proc_pid_status(5), NSpid)."""
    return [int(word) for word in (status_field(pid, "NSpid") or "").split()]


def _complete(data: bytes, *, at_end: bool) -> dict[str, Any] | None:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        if at_end or len(data) > _MESSAGE_LIMIT:
            raise HandoverError("the runtime's message about the listener is not JSON") from error
        return None
    if not isinstance(document, dict):
        raise HandoverError("the runtime's message about the listener is not a JSON object")
    return document


class Reception:
    """Listens, and reads every message as it comes; for the one thread that waits on `poll`.

    `admit` takes a whole message, and its listener with it; it may raise HandoverError. `complain` is told of every
    message that was not taken.
    """

    def __init__(
        self,
        poll: select.epoll,
        admit: Callable[[Handover], None],
        complain: Callable[[HandoverError], None],
    ) -> None:
        self._poll, self._admit, self._complain = poll, admit, complain
        self._incoming: dict[int, Incoming] = {}
        self._sockets: dict[int, socket.socket] = {}

    def open(self, path: Path) -> None:
        """Listen at one more path. Raises OSError."""
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._sockets[listening.fileno()] = listening
        listening.bind(str(path))
        listening.listen(128)
        self._poll.register(listening, select.EPOLLIN)

    def handle(self, descriptor: int) -> None:
        """Do what there is to do about a descriptor that is ready, if it is one of these."""
        if listening := self._sockets.get(descriptor):
            self._accept(listening)
        elif incoming := self._incoming.get(descriptor):
            self._hear(incoming)

    def patience(self) -> float | None:
        """Seconds until a message that has begun is late; None where nothing is waited for."""
        if not self._incoming:
            return None
        return max(0.0, min(each.deadline for each in self._incoming.values()) - time.monotonic())

    def give_up_late(self) -> None:
        """Hang up on those whose time is over."""
        for incoming in [each for each in self._incoming.values() if each.deadline <= time.monotonic()]:
            self._complain(
                HandoverError(
                    f"the runtime's message about the listener did not arrive within {_MESSAGE_SECONDS:g} s"
                )
            )
            self._hang_up(incoming)

    def close(self) -> None:
        """Hang up on all."""
        for incoming in list(self._incoming.values()):
            self._hang_up(incoming)
        for listening in self._sockets.values():
            listening.close()

    def _accept(self, listening: socket.socket) -> None:
        try:
            connection, _ = listening.accept()
        except ConnectionAbortedError:  # gone again before we looked
            return
        incoming = Incoming(connection)
        self._incoming[incoming.fileno()] = incoming
        self._poll.register(incoming, select.EPOLLIN)

    def _hear(self, incoming: Incoming) -> None:
        try:
            handover = incoming.read()
            if handover is None:
                return
            self._admit(handover)
        except HandoverError as error:
            self._complain(error)
        self._hang_up(incoming)

    def _hang_up(self, incoming: Incoming) -> None:
        del self._incoming[incoming.fileno()]
        self._poll.unregister(incoming)
        incoming.close()
