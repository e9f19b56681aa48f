"""How long it takes to ask a loaded filter about every call of every ABI, to compare it, to find causes, to list dangers.

    .venv/bin/python benchmarks/filter.py [ROUNDS]

The filter is what libseccomp makes of the default profile of target oci: the longest program that comes along. Each
round begins with a program that was never asked. Exit code 1 when a median is above the bound.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.seccomp_oracle import compile_profile  # noqa: E402  needs the folder above

from profile_smoke.profile import document, sampling  # noqa: E402
from profile_smoke.profile.bpf import Program  # noqa: E402
from profile_smoke.profile.compare import differences  # noqa: E402
from profile_smoke.profile.dangerous import dangerous  # noqa: E402
from profile_smoke.profile.evaluate import Evaluator  # noqa: E402
from profile_smoke.profile.findings import Reading, findings  # noqa: E402
from profile_smoke.profile.loaded import LoadedFilter  # noqa: E402
from profile_smoke.syscall import libseccomp, tables  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

PROFILE = ROOT / "runner" / "profile_smoke" / "target" / "data" / "oci-default.json"
BOUND = 0.5
"""Seconds for each."""
ROUNDS = 9


def main(rounds: int) -> int:
    """Measure and print; the exit code."""
    profile = document.load(PROFILE).profile
    raw = compile_profile(profile)
    native = tables.native()
    arches = tables.runnable(native)
    reading = Reading(profile, None, native, libseccomp.resolves)
    evaluator = Evaluator(profile, native, known=libseccomp.resolves)

    def ask(found: LoadedFilter) -> int:
        return sum(
            len(found.answers(arch, number)) > 0 for arch in arches for number in sampling.numbers(arch)
        )

    jobs: dict[str, Callable[[LoadedFilter], object]] = {
        "every call of every ABI": ask,
        "differences": lambda found: differences(found.programs, evaluator, arches),
        "dangerous calls": lambda found: dangerous(found, arches),
        "findings": lambda found: findings(found, reading, arches),
    }
    for job in jobs.values():
        job(LoadedFilter((Program.parse(raw),)))  # tables are read once in a process
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            found = LoadedFilter((Program.parse(raw),))
            begun = time.perf_counter()
            job(found)
            taken[name].append(time.perf_counter() - begun)
    calls = sum(len(list(sampling.numbers(arch))) for arch in arches)
    print(f"{len(raw) // 8} instructions, {calls} calls, ABIs {', '.join(arches)}")
    medians = {name: statistics.median(values) for name, values in taken.items()}
    for name, median in medians.items():
        print(f"{name:24} {median * 1000:7.1f} ms   (at most {BOUND * 1000:.0f} ms, median of {rounds})")
    return int(max(medians.values()) > BOUND)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
