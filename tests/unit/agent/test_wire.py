"""The wire: whatever pieces messages arrive in, they arrive whole, in order, and bounded; anything else is an error."""

from __future__ import annotations

import json
import socket
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_smoke.agent.wire import FRAME_LIMIT, Channel, ClosedError, Deframer, WireError, frame

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2**64 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
MESSAGES = st.lists(st.dictionaries(st.text(max_size=8), VALUES, max_size=4), max_size=5)


def taken(frames: Deframer) -> list[dict[str, object]]:
    found = []
    while (message := frames.next()) is not None:
        found.append(message)
    return found


@given(MESSAGES, st.data())
def test_messages_arrive_however_they_are_cut(messages: list[dict[str, object]], data: st.DataObject) -> None:
    """TCP keeps no boundaries: any cutting of the bytes gives the same messages, and nothing is left over."""
    stream = b"".join(map(frame, messages))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    frames, found = Deframer(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        frames.feed(stream[start:end])
        found += taken(frames)
    frames.finish()
    assert found == messages


@given(MESSAGES.filter(bool), st.data())
def test_a_cut_off_message_is_noticed(messages: list[dict[str, object]], data: st.DataObject) -> None:
    """A stream that ends inside a message is an error, however much of it has arrived."""
    whole = b"".join(map(frame, messages[:-1]))
    last = frame(messages[-1])
    frames = Deframer()
    frames.feed(whole + last[: data.draw(st.integers(1, len(last) - 1))])
    assert taken(frames) == messages[:-1]
    with pytest.raises(WireError, match="in the middle"):
        frames.finish()


@given(st.binary(max_size=200))
def test_nonsense_is_an_error_or_waits_for_more(data: bytes) -> None:
    """Whatever a stranger sends, nothing but messages and WireError comes out."""
    frames = Deframer()
    frames.feed(data)
    with suppress(WireError):
        assert all(isinstance(message, dict) for message in taken(frames))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (struct.pack(">I", FRAME_LIMIT + 1), "is announced"),
        (struct.pack(">I", 2) + b"[]", "no JSON object"),
        (struct.pack(">I", 3) + b"{a}", "not JSON"),
        (struct.pack(">I", 2) + b"\xff\xff", "not JSON"),
        (struct.pack(">I", 200_000) + b"[" * 200_000, "not JSON"),
    ],
)
def test_what_is_no_message(data: bytes, says: str) -> None:
    """Too long, no object, no JSON, no UTF-8, too deep: each said, none read to the end in memory."""
    frames = Deframer()
    frames.feed(data)
    with pytest.raises(WireError, match=says):
        frames.next()


def test_a_message_too_long_is_not_sent() -> None:
    """The sender says so, rather than the other end hanging up."""
    with pytest.raises(WireError, match="at most"):
        frame({"text": "x" * FRAME_LIMIT})


def test_length_counts_bytes_not_characters() -> None:
    """The frame of a text beyond ASCII is as long as it says."""
    data = frame({"text": "zażółć"})
    assert struct.unpack(">I", data[:4]) == (len(data) - 4,)
    assert json.loads(data[4:]) == {"text": "zażółć"}


def test_a_silent_and_a_closed_other_end_are_told_apart() -> None:
    """Silence is an error after the timeout; hanging up between messages is ClosedError."""
    ours, theirs = socket.socketpair()
    channel = Channel(ours, timeout=0.05)
    with pytest.raises(WireError, match="silent"):
        channel.receive()
    theirs.sendall(frame({"a": 1}))
    theirs.close()
    assert channel.receive() == {"a": 1}
    with pytest.raises(ClosedError):
        channel.receive()
    with pytest.raises(ClosedError):
        channel.send({"a": 1})
    channel.close()


def test_an_other_end_that_takes_nothing_is_given_up() -> None:
    """A peer that does not read cannot hold a sender for ever."""
    ours, theirs = socket.socketpair()
    channel = Channel(ours, timeout=0.05)
    with pytest.raises(WireError, match="takes no message"):
        channel.send({"text": "x" * (FRAME_LIMIT // 2)})
    channel.close()
    theirs.close()
