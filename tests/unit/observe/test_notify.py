"""The runtime's message over a socket pair: what is right is taken, what is not is named, no descriptor is lost."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from profile_smoke.errors import InstrumentError
from profile_smoke.observe import notify
from profile_smoke.observe.notify import Handover, take_handover

if TYPE_CHECKING:
    from collections.abc import Iterator

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def message(**changes: Any) -> bytes:
    """As runc writes it."""
    document = {
        "ociVersion": "1.0.2",
        "fds": ["seccompFd"],
        "pid": 42,
        "metadata": "launch-1",
        "state": {"ociVersion": "1.0.2", "id": "c", "status": "creating", "pid": 42, "bundle": "/b"},
    }
    return json.dumps({**document, **changes}).encode()


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208  names alone


def send(theirs: socket.socket, data: bytes, count: int = 1) -> None:
    reader, writer = os.pipe()
    try:
        socket.send_fds(theirs, [data], [reader] * count)
    finally:
        os.close(reader)
        os.close(writer)


def test_the_listener_and_what_is_said_of_it_are_taken(pair: Pair) -> None:
    """One descriptor, the launch's key, whose it is."""
    ours, theirs = pair
    send(theirs, message())
    found = take_handover(ours)
    os.close(found.listener)
    assert found == Handover(found.listener, "launch-1", creating=True, pid=42)


def test_an_execd_process_is_told_from_the_init(pair: Pair) -> None:
    """By the state's status; its own pid comes first."""
    ours, theirs = pair
    send(theirs, message(pid=77, state={"status": "running", "pid": 42}))
    found = take_handover(ours)
    os.close(found.listener)
    assert (found.creating, found.pid) == (False, 77)


def test_a_message_may_come_in_pieces(pair: Pair) -> None:
    """A stream has no message bounds."""
    ours, theirs = pair
    data = message()
    send(theirs, data[:10])
    theirs.sendall(data[10:])
    found = take_handover(ours)
    os.close(found.listener)
    assert found.metadata == "launch-1"


@pytest.mark.parametrize(
    ("data", "count", "what"),
    [
        (b"", 0, "not JSON"),
        (b"{", 1, "not JSON"),
        (b"\xff\xfe", 1, "not JSON"),
        (b"[]", 1, "not a JSON object"),
        (b"3", 1, "not a JSON object"),
        (message(), 0, "0 descriptors"),
        (message(), 2, "2 descriptors"),
        (message(fds=[]), 1, "named \\[\\]"),
        (message(fds=["other"]), 1, "other"),
    ],
)
def test_a_malformed_message_is_an_error_and_leaks_nothing(
    pair: Pair, data: bytes, count: int, what: str
) -> None:
    """Whatever came with it is closed."""
    ours, theirs = pair
    if data:
        send(theirs, data, count)
    theirs.shutdown(socket.SHUT_WR)
    before = descriptors()
    with pytest.raises(InstrumentError, match=what):
        take_handover(ours)
    assert descriptors() == before


def test_a_silent_runtime_is_not_waited_for_for_ever(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded, and an error."""
    monkeypatch.setattr(notify, "_MESSAGE_SECONDS", 0.05)
    with pytest.raises(InstrumentError, match="did not arrive"):
        take_handover(pair[0])


def test_a_message_without_end_is_given_up(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not gathered in memory."""
    monkeypatch.setattr(notify, "_MESSAGE_LIMIT", 1000)
    ours, theirs = pair
    theirs.sendall(b"[" * 5000)
    with pytest.raises(InstrumentError, match="not JSON"):
        take_handover(ours)
