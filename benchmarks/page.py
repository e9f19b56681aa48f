"""How much longer a browser takes to open the report of 600 cells than an empty page: medians, turn by turn.

    .venv/bin/python benchmarks/page.py [RESULT.json]

The cells are those of a result (the tests' own, or yours), over and over. What is measured is the browser's own time from
the start of the navigation to the end of loading, scripts included. Exit code 1 when the difference is above the bound.
"""

from __future__ import annotations

import json as text_json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.chromium import Browser, browser
from tests.unit.report.cells import golden_report, many

from profile_smoke.report import html, json

BOUND = 1.0
"""Seconds that the page may take beyond an empty one."""
ROUNDS = 9
_TIMING = "JSON.stringify(performance.getEntriesByType('navigation')[0])"


def opening(window: Browser, path: Path) -> float:
    """Seconds until the page is loaded."""
    window.open(path)
    return float(text_json.loads(window.evaluate(_TIMING))["loadEventEnd"]) / 1000


def main() -> int:
    """Measure and print; the exit code."""
    real = json.load(Path(sys.argv[1]).read_text("utf-8"), sys.argv[1]) if sys.argv[1:] else golden_report()
    report = many(real)
    began = time.perf_counter()
    text = html.render(report)
    made = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as folder:
        page, empty = Path(folder, "page.html"), Path(folder, "empty.html")
        page.write_text(text, "utf-8")
        empty.write_text("<!DOCTYPE html><title>empty</title>", "utf-8")
        took: dict[Path, list[float]] = {page: [], empty: []}
        with browser(Path(folder, "profile")) as window:
            window.look(width=1100)
            for _ in range(ROUNDS):
                for path, times in took.items():
                    times.append(opening(window, path))
            window.open(page)
            elements = window.evaluate("document.querySelectorAll('*').length")
    full, bare = (statistics.median(times) for times in took.values())
    print(
        f"{len(report.cells)} cells: {len(text) / 1e6:.1f} MB, written in {made:.2f} s, {elements} elements at first"
    )
    print(
        f"opened in {full * 1000:.0f} ms, an empty page in {bare * 1000:.0f} ms; bound {BOUND * 1000:.0f} ms more"
    )
    return 0 if full - bare <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
