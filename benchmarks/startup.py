"""How much longer `profile-smoke --help` takes than an empty Python program: medians, taken turn by turn.

    .venv/bin/python benchmarks/startup.py [ROUNDS]

Exit code 1 when the difference is above the bound.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

BOUND = 0.12
"""Seconds that `--help` may take beyond the interpreter's own start."""
ROUNDS = 21


def seconds(command: list[str]) -> float:
    """How long one run of a command takes."""
    # Installed programs are compiled once; a developer's shell may forbid to keep what was compiled.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - began


def main(rounds: int) -> int:
    """Measure and print; the exit code."""
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "profile-smoke --help": [str(Path(sys.executable).with_name("profile-smoke")), "--help"],
    }
    for command in commands.values():
        seconds(command)  # compiled and cached, as every time but the first
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            taken[name].append(seconds(command))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    for name, median in medians.items():
        print(f"{name:22} {median * 1000:7.1f} ms")
    base, shown = medians.values()
    print(
        f"{'more':22} {(shown - base) * 1000:7.1f} ms   (at most {BOUND * 1000:.0f} ms, median of {rounds})"
    )
    return int(shown - base > BOUND)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
