"""Blame against brute force: verdict and `blocking` are what kernel-enforced launches alone say they are.

A workload's profile is what it asks for, recorded. One to three of these calls are taken out of it, and the answer for
this broken profile is compared with launches that know nothing of how blame works.
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.support.telling import told_of
from tests.support.workbench import JOBS, Used, Workbench, allowing, rule_names, workbench

from profile_smoke.model import CellResult, Effect, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.truth

OCI = {"nginx": 14, "redis": 13, "node-exporter": 10, "postgresql": 3, "mysql": 2}
DOCKER = {"nginx": 3, "redis": 1, "node-exporter": 1}
KUBERNETES = {"nginx": 2, "node-exporter": 2, "mysql": 1}
_SIZES = (1, 1, 2, 3)
_RACY = frozenset({"rt_sigprocmask"})
"""Without it a workload works most of the time only: a signal that should have been held back comes a moment too early, and
nginx then sleeps for ever. No single launch tells the truth of that."""


@dataclass
class Truth:
    """Kernel-enforced launches of scenarios, one per set of allowed calls, shared by all mutations."""

    bench: Workbench
    used: dict[str, Used] = field(default_factory=dict)
    seen: dict[tuple[str, frozenset[str]], bool] = field(default_factory=dict)

    def uses(self, name: str) -> Used:
        """What a scenario asks for; with it the scenario works."""
        if name not in self.used:
            self.used[name] = self.bench.used(name)
            works = self.bench.enforce(name, allowing(self.used[name].allowed, enosys=self.used[name].enosys))
            assert works.passed, f"{name} fails with all the calls that it used: {works.launch} {works.log}"
            self.seen[name, self.used[name].allowed] = True
        return self.used[name]

    def works(self, name: str, allowed: frozenset[str]) -> bool:
        """Whether the scenario works with just these calls."""
        if (name, allowed) not in self.seen:
            document = allowing(allowed, enosys=self.used[name].enosys)
            self.seen[name, allowed] = self.bench.enforce(name, document).passed
        return self.seen[name, allowed]

    def work(self, name: str, sets: Sequence[frozenset[str]]) -> list[bool]:
        """As `works`, for several at once."""
        with ThreadPoolExecutor(JOBS) as pool:
            return list(pool.map(lambda allowed: self.works(name, allowed), sets))


def mutations(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Scenario and seed of each."""
    return [(name, seed) for name, count in counts.items() for seed in range(count)]


def removed(name: str, seed: int, used: Used) -> frozenset[str]:
    """One to three calls, the same for a seed as long as the workload asks for the same calls."""
    chance = random.Random(f"{name} {seed}")  # noqa: S311  nothing secret
    return frozenset(chance.sample(sorted(used.allowed - _RACY), chance.choice(_SIZES)))


def compare(truth: Truth, name: str, seed: int) -> None:
    """Ask the product, ask the kernel, compare."""
    used = truth.uses(name)
    gone = removed(name, seed, used)
    rest = used.allowed - gone
    result = truth.bench.run(name, used.without(gone))
    about = _about(gone, result)

    assert (result.verdict is Verdict.PASSED) == truth.works(name, rest), about
    if result.verdict is Verdict.PASSED:
        assert not result.blocking, about
        assert all(each.effect is Effect.TOLERATED for each in result.denials), about
        return
    assert result.verdict is Verdict.BLOCKED, about
    blocking = frozenset(result.blocking)
    candidates = gone | blocking
    each = sorted(candidates)
    alone = truth.work(name, [rest | (candidates - {one}) for one in each])
    necessary = frozenset(one for one, works in zip(each, alone, strict=True) if not works)
    if truth.works(name, rest | necessary):
        assert blocking == necessary, about
    else:
        assert truth.works(name, rest | blocking), f"not sufficient: {about}"
        fewer = truth.work(name, [rest | (blocking - {one}) for one in sorted(blocking)])
        assert not any(fewer), f"not minimal: {about}"
    assert result.fix is not None, about
    assert result.fix.verified, about
    assert result.fix.minimal, about
    assert rule_names(result) == blocking, about


def _about(gone: frozenset[str], result: CellResult) -> str:
    return f"without {', '.join(sorted(gone))}: {told_of(result)}"


@pytest.fixture(scope="module")
def oci() -> Iterator[Truth]:
    with workbench("oci") as bench:
        yield Truth(bench)


@pytest.fixture(scope="module")
def docker() -> Iterator[Truth]:
    with workbench("docker") as bench:
        yield Truth(bench)


@pytest.fixture(scope="module")
def kubernetes() -> Iterator[Truth]:
    with workbench("kubernetes") as bench:
        yield Truth(bench)


@pytest.mark.oci
@pytest.mark.parametrize(("name", "seed"), mutations(OCI))
def test_blame_on_oci_agrees_with_brute_force(oci: Truth, name: str, seed: int) -> None:
    """Some calls taken out of what a workload needs: `blocking` is the necessary ones, or sufficient and minimal."""
    compare(oci, name, seed)


@pytest.mark.docker
@pytest.mark.parametrize(("name", "seed"), mutations(DOCKER))
def test_blame_on_docker_agrees_with_brute_force(docker: Truth, name: str, seed: int) -> None:
    """As on `oci`, through an engine, whose own runtime starts the workload under the filter."""
    compare(docker, name, seed)


@pytest.mark.kubernetes
@pytest.mark.parametrize(("name", "seed"), mutations(KUBERNETES))
def test_blame_on_kubernetes_agrees_with_brute_force(kubernetes: Truth, name: str, seed: int) -> None:
    """As on `docker`, as pods of a cluster, whose kubelet and containerd start the workload."""
    compare(kubernetes, name, seed)
