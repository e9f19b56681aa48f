"""A workload's output: all of it is drained, a bounded part of it kept, and a gap is told."""

from __future__ import annotations

import os
import threading

from profile_smoke.target.output import Output


def written(data: bytes) -> Output:
    output = Output()
    with os.fdopen(os.dup(output.writer), "wb") as pipe:
        pipe.write(data)
    output.finish(30.0)
    return output


def test_what_was_written_is_told() -> None:
    """Bytes that are no UTF-8 are replaced."""
    assert written(b"one\n\xfftwo\n").text() == "one\n\ufffdtwo\n"


def test_nothing_is_left_out_up_to_the_bound() -> None:
    """512 KiB, without a gap."""
    data = os.urandom(256 * 1024).hex().encode()
    assert written(data).text() == data.decode()


def test_of_huge_output_the_head_and_the_tail_are_kept() -> None:
    """64 MiB go through; half a MiB stays, and the text says how much is missing."""
    size = 64 * 1024 * 1024
    text = written(b"head\n" + b"x" * size + b"\ntail").text()
    assert text.startswith("head\n")
    assert text.endswith("\ntail")
    assert len(text) < 600 * 1024
    assert f"[... {size + 10 - 512 * 1024} bytes left out ...]" in text


def test_a_writer_that_stays_open_is_not_waited_for_for_ever() -> None:
    """A process that escaped keeps the pipe: what there is so far is told."""
    output = Output()
    writer = os.dup(output.writer)
    os.write(writer, b"so far")
    output.finish(0.2)
    assert output.text() == "so far"
    os.close(writer)
    output.finish(10.0)
    assert not any(thread.name == "output" and thread.is_alive() for thread in threading.enumerate())
