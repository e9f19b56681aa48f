"""How many pods at a time: as processors, nodes and quotas allow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_smoke.target.kubernetes_capacity import is_ready, jobs, quantity, takes_pods


def node(cpu: str = "4", pods: str = "110", **spec: Any) -> dict[str, Any]:
    return {"spec": spec, "status": {"allocatable": {"cpu": cpu, "pods": pods}}}


def quota(hard: dict[str, str], used: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    return {"spec": spec, "status": {"hard": hard, "used": used or {}}}


@pytest.mark.parametrize(
    ("nodes", "quotas", "processors", "wanted"),
    [
        ([node("2"), node("3920m")], [], None, 5),
        ([node("2"), node("2")], [], 2, 2),
        ([node("64", pods="8")], [], None, 8),
        ([node("8")], [quota({"pods": "4"})], None, 4),
        ([node("8")], [quota({"pods": "4"}, {"pods": "3"})], None, 1),
        ([node("8")], [quota({"count/pods": "3"}), quota({"pods": "5"})], None, 3),
        ([node("8")], [quota({"requests.cpu": "1"})], None, 8),
        ([node("8")], [quota({"pods": "1"}, scopes=["NotBestEffort"])], None, 8),
        ([node("8")], [quota({"pods": "1"}, scopes=["BestEffort"])], None, 1),
        (
            [node("8")],
            [quota({"pods": "1"}, scopeSelector={"matchExpressions": [{"scopeName": "PriorityClass"}]})],
            None,
            8,
        ),
    ],
)
def test_the_least_of_all_bounds(
    nodes: list[Any], quotas: list[Any], processors: int | None, wanted: int
) -> None:
    """Processors, pods of nodes, and quotas that are about pods such as ours."""
    assert jobs(nodes, quotas, processors=processors) == wanted


@given(
    st.lists(st.builds(node, st.sampled_from(["0", "500m", "x", "1k"]), st.sampled_from(["0", "1"]))),
    st.integers(0, 3),
)
def test_there_is_always_one(nodes: list[Any], left: int) -> None:
    """Where nothing fits, the API server says why; a run that starts nothing says nothing."""
    assert jobs(nodes, [quota({"pods": str(left)}, {"pods": "3"})], processors=None) >= 1


@pytest.mark.parametrize(
    ("text", "number"),
    [("4", 4), ("3920m", 3.92), ("1k", 1000), ("2Ki", 2048), ("1.5", 1.5), ("", 0), ("1e3x", 0)],
)
def test_quantities(text: str, number: float) -> None:
    """As the API writes them."""
    assert quantity(text) == pytest.approx(number)


def test_nodes_that_take_pods() -> None:
    """Not those that are cordoned or tainted; a preference does not count."""
    assert takes_pods(node())
    assert takes_pods(node(taints=[{"key": "a", "effect": "PreferNoSchedule"}]))
    assert not takes_pods(node(taints=[{"key": "a", "effect": "NoSchedule"}]))
    assert not takes_pods(node(unschedulable=True))


def test_nodes_that_are_ready() -> None:
    """By their own word; silence is no yes."""
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    assert is_ready(ready)
    assert not is_ready({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}})
    assert not is_ready(node())
