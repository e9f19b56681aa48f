"""What is told while a run goes on."""

from __future__ import annotations

import io
import re
import threading
from typing import TYPE_CHECKING

from tests.unit.report.cells import HOSTILE, cell, run

from profile_smoke.model import CellResult, Verdict
from profile_smoke.report.progress import LineProgress, LiveProgress, NullProgress, Progress, choose
from profile_smoke.report.text import Style

if TYPE_CHECKING:
    from collections.abc import Sequence


class Terminal(io.StringIO):
    """A stream that says it is a terminal, and tells when something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = threading.Condition()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        with self.drawn:
            self.drawn.notify_all()
            return super().write(text)

    def wait_for(self, text: str) -> bool:
        with self.drawn:
            return self.drawn.wait_for(lambda: text in self.getvalue(), timeout=20)


class Gone(io.StringIO):
    """A stream whose reader has left."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


def told(progress: Progress, *cells: CellResult) -> None:
    progress.run_started(len(cells))
    for result in cells:
        progress.cell_started(result.id)
        progress.cell_phase(result.id, "control")
        progress.cell_done(result)
    progress.run_finished()


def test_the_stream_decides_how_it_is_told() -> None:
    """Live on a terminal, lines elsewhere, nothing when quiet or when stderr is closed."""
    style = Style()
    assert isinstance(choose(Terminal(), style, quiet=False), LiveProgress)
    assert type(choose(io.StringIO(), style, quiet=False)) is LineProgress
    assert isinstance(choose(Terminal(), style, quiet=True), NullProgress)
    assert isinstance(choose(None, style, quiet=False), NullProgress)


def test_elsewhere_there_is_one_plain_line_per_cell() -> None:
    """Counted, with the verdict, without any control character."""
    stream = io.StringIO()
    cells = [cell(), cell(Verdict.BLOCKED, name="db", blocking=("mbind",), phase="start")]
    told(LineProgress(stream, Style()), *cells)
    assert stream.getvalue().splitlines() == [
        "profile-smoke: 2 cells to run",
        "[1/2] passed  web/nginx@oci (0.00 s)",
        "[2/2] BLOCKED db/nginx@oci (0.00 s): mbind (start)",
    ]


def test_a_terminal_shows_what_is_done_now_and_is_left_clean() -> None:
    """The line is redrawn by itself, says the phase, and is erased at the end; the cells' lines stay."""
    stream = Terminal()
    progress = LiveProgress(stream, Style())
    progress.run_started(3)
    progress.cell_started("web/nginx@oci")
    progress.cell_phase("web/nginx@oci", "observing")
    assert stream.wait_for("0/3 done  web/nginx@oci 0 s observing")
    progress.cell_done(cell())
    progress.run_finished()
    text = stream.getvalue()
    assert "[1/3] passed  web/nginx@oci (0.00 s)\n" in text
    assert text.endswith("\r\x1b[K")
    assert "progress" not in [thread.name for thread in threading.enumerate()]


def test_the_live_line_never_wraps() -> None:
    """A wrapped line could not be erased."""
    stream = Terminal()
    progress = LiveProgress(stream, Style(width=40))
    progress.run_started(9)
    for number in range(9):
        progress.cell_started(f"profile{number}/scenario@oci")
    assert stream.wait_for("…")
    progress.run_finished()
    assert max(len(line) for line in re.split(r"\r\x1b\[K|\n", stream.getvalue())) <= 40


def test_an_end_without_a_beginning_is_fine() -> None:
    """A run that fails before it starts still finishes."""
    LiveProgress(Terminal(), Style()).run_finished()


def test_hostile_names_reach_no_terminal() -> None:
    """Only our own erase sequence does."""
    stream = Terminal()
    told(LiveProgress(stream, Style()), cell(Verdict.ERROR, name=HOSTILE, reason=HOSTILE))
    assert all(char == "\n" or char.isprintable() for char in stream.getvalue().replace("\r\x1b[K", ""))


def test_many_threads_tell_at_once_without_mixing_lines() -> None:
    """Cells run in parallel: each line is whole and each number is given once."""
    stream = io.StringIO()
    progress = LineProgress(stream, Style())
    progress.run_started(200)
    report = run(*(cell(name=f"p{number}") for number in range(200)))

    def tell(part: Sequence[CellResult]) -> None:
        for result in part:
            progress.cell_done(result)

    threads = [threading.Thread(target=tell, args=[report.cells[at::8]]) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = stream.getvalue().splitlines()[1:]
    matches = [re.fullmatch(r"\[ *(\d+)/200\] passed  p\d+/nginx@oci \(0\.00 s\)", line) for line in lines]
    assert sorted(int(match[1]) for match in matches if match) == list(range(1, 201))


def test_a_reader_that_leaves_does_not_end_the_run() -> None:
    """Progress is for those who listen; a broken or closed stderr is not the run's trouble."""
    closed = io.StringIO()
    closed.close()
    for stream in (Gone(), closed):
        told(LineProgress(stream, Style()), cell(), cell())
