"""The reader: a process beside the agent's that reads loaded filters back, and does nothing else.

The kernel shows filters to nobody who runs under one (PTRACE_SECCOMP_GET_FILTER), and only to CAP_SYS_ADMIN. So the agent,
which talks to the network, has its own profile and no such capability; the reader has no profile, listens on a Unix socket
that only the two share, and answers one question: what is loaded for this container of this run?
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from profile_smoke.agent import processes
from profile_smoke.agent.documents import get, programs_document, programs_of
from profile_smoke.agent.failures import failure_document, failure_of
from profile_smoke.agent.shelf import checked_run
from profile_smoke.agent.wire import Channel, ClosedError, WireError
from profile_smoke.errors import InstrumentError, SmokeError
from profile_smoke.observe import readback

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from profile_smoke.agent.processes import Address
    from profile_smoke.profile.bpf import Program

_SECONDS = 10.0
"""For one question and its answer; reading takes milliseconds, a process that does not stop two seconds."""


def listen(path: Path) -> socket.socket:
    """The socket of a reader; replaces what an earlier life left."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    listening.bind(str(path))
    path.chmod(0o600)
    listening.listen(16)
    return listening


def serve(listening: socket.socket) -> None:
    """Answer questions, one after the other, until the process is ended."""
    while True:
        stream, _ = listening.accept()
        channel = Channel(stream, timeout=_SECONDS)
        try:
            channel.send(_answer(channel.receive()))
        except WireError:  # the agent gave up, or died: there is nobody to tell
            pass
        finally:
            channel.close()


def _answer(message: Mapping[str, Any]) -> dict[str, Any]:
    try:
        if get(message, "do", str) == "why_not":
            return {"ok": readback.why_not()}
        wanted = processes.address(
            get(message, "container", str), get(message, "pod", str), checked_run(get(message, "run", str))
        )
        with processes.held(wanted) as (pid, _):
            return {"ok": programs_document(readback.read_filters(pid))}
    except (SmokeError, OSError) as error:
        return {"error": failure_document(error)}


def why_not(path: Path) -> str:
    """Empty when the reader at this socket can read filters back, else the reason in a few words."""
    try:
        return str(_ask(path, {"do": "why_not"}))
    except InstrumentError as error:
        return str(error)


def filters(path: Path, wanted: Address) -> tuple[Program, ...]:
    """The programs loaded for a container, the most recently loaded first.

    Raises:
        ProcessGoneError: it has ended.
        InstrumentError: the reader is not there, or cannot read them.
    """
    question = {"do": "filters", "container": wanted.container, "pod": wanted.pod_uid, "run": wanted.run}
    return programs_of(_ask(path, question))


def _ask(path: Path, question: Mapping[str, Any]) -> Any:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as stream:
        channel = Channel(stream, timeout=_SECONDS)
        try:
            stream.connect(str(path))
        except OSError as error:
            raise InstrumentError(f"the reader of filters is not there: {error.strerror}") from None
        try:
            channel.send(question)
            answer = channel.receive()
        except ClosedError as error:
            raise InstrumentError(f"the reader of filters went away: {error}") from None
    if "ok" in answer:
        return answer["ok"]
    raise failure_of(get(answer, "error", dict), "the reader of filters")
