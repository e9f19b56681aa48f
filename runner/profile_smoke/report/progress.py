"""What happens while a run goes on, for stderr: a live line on a terminal, plain lines elsewhere, or nothing.

Cells run in parallel, so events come from several threads. A stderr that has gone away ends the progress, not
the run.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol, TextIO

from profile_smoke.report.brief import why
from profile_smoke.report.text import Colour, Style, clipped, counted, safe, seconds

if TYPE_CHECKING:
    from profile_smoke.model import CellResult

_REDRAW_S = 0.2
_ERASE_LINE = "\r\x1b[K"


class Progress(Protocol):
    """What a run tells while it goes on. Each method may be called from any thread and never raises."""

    def run_started(self, total: int) -> None:
        """So many cells will be run."""

    def cell_started(self, cell: str) -> None:
        """The cell of this id has begun."""

    def cell_phase(self, cell: str, text: str) -> None:
        """What the cell does now, in a few words (`control`, `observing`)."""

    def cell_done(self, result: CellResult) -> None:
        """The cell has its verdict."""

    def run_finished(self) -> None:
        """The run is over, however it ended. Nothing may be told after it."""


def choose(stream: TextIO | None, style: Style, *, quiet: bool) -> Progress:
    """The progress that suits this stream (None: closed)."""
    if quiet or stream is None:
        return NullProgress()
    return LiveProgress(stream, style) if stream.isatty() else LineProgress(stream, style)


class NullProgress:
    """Tells nothing."""

    def run_started(self, total: int) -> None:
        """Nothing."""

    def cell_started(self, cell: str) -> None:
        """Nothing."""

    def cell_phase(self, cell: str, text: str) -> None:
        """Nothing."""

    def cell_done(self, result: CellResult) -> None:
        """Nothing."""

    def run_finished(self) -> None:
        """Nothing."""


class LineProgress:
    """One plain line when a cell is done: what a CI log can hold."""

    def __init__(self, stream: TextIO, style: Style) -> None:
        self._stream, self._style = stream, style
        self._lock = threading.Lock()
        self._total = self._done = 0
        self._gone = False

    def run_started(self, total: int) -> None:
        """Say how many cells there are."""
        with self._lock:
            self._total = total
            self._write(f"profile-smoke: {counted(total, 'cell')} to run\n")

    def cell_started(self, cell: str) -> None:
        """Nothing: the line comes when it is done."""

    def cell_phase(self, cell: str, text: str) -> None:
        """Nothing: a log needs no steps in between."""

    def cell_done(self, result: CellResult) -> None:
        """The line."""
        with self._lock:
            self._done += 1
            self._write(self._line(result) + "\n")

    def run_finished(self) -> None:
        """Nothing: the report follows."""

    def _line(self, result: CellResult) -> str:
        place = f"[{self._done:>{len(str(self._total))}}/{self._total}]"
        colour = Colour.RED if result.unexpected else Colour.GREEN
        verdict = f"{result.verdict.upper() if result.unexpected else result.verdict.value:<7}"
        painted = self._style.paint(verdict, colour) if result.gates else verdict
        reason = f": {why(result)}" if why(result) else ""
        rest = safe(f"{result.id} ({seconds(result.seconds)}){reason}")
        return f"{place} {painted} {clipped(rest, self._style.width - len(place) - len(verdict) - 2)}"

    def _write(self, text: str) -> None:
        try:
            if not self._gone:
                self._stream.write(text)
                self._stream.flush()
        except (
            OSError,
            ValueError,
        ):  # ValueError: closed. Whoever listened has left; the run is not theirs to end.
            self._gone = True


class LiveProgress(LineProgress):
    """The same lines, and below them one that is redrawn a few times a second: what is being done now."""

    def __init__(self, stream: TextIO, style: Style) -> None:
        super().__init__(stream, style)
        self._running: dict[str, tuple[str, float]] = {}
        self._over = threading.Event()
        self._redrawing = threading.Thread(target=self._redraw, name="progress", daemon=True)

    def run_started(self, total: int) -> None:
        """Begin to redraw."""
        self._total = total
        self._redrawing.start()

    def cell_started(self, cell: str) -> None:
        """Show it from the next drawing on."""
        with self._lock:
            self._running[cell] = ("", time.monotonic())

    def cell_phase(self, cell: str, text: str) -> None:
        """Show it from the next drawing on."""
        with self._lock:
            _, since = self._running.get(cell, ("", time.monotonic()))
            self._running[cell] = (text, since)

    def cell_done(self, result: CellResult) -> None:
        """The line that stays."""
        with self._lock:
            self._done += 1
            self._running.pop(result.id, None)
            self._write(f"{_ERASE_LINE}{self._line(result)}\n{self._status()}")

    def run_finished(self) -> None:
        """Leave a clean line behind."""
        self._over.set()
        if self._redrawing.is_alive():
            self._redrawing.join()
        with self._lock:
            self._write(_ERASE_LINE)

    def _redraw(self) -> None:
        while not self._over.wait(_REDRAW_S):
            with self._lock:
                self._write(_ERASE_LINE + self._status())

    def _status(self) -> str:
        now = time.monotonic()
        cells = [
            f"{cell} {now - since:.0f} s{f' {text}' if text else ''}"
            for cell, (text, since) in self._running.items()
        ]
        line = safe(f"{self._done}/{self._total} done  {'  '.join(cells)}")
        return self._style.paint(clipped(line, self._style.width - 1), Colour.DIM)
