"""Which nodes of a cluster take pods of ours, and how many there is room for at a time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from profile_smoke.target.kubernetes_errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from profile_smoke.target.kubernetes_api import Api

_QUANTITY = re.compile(r"([0-9.]+)(m|k|M|G|Ki|Mi|Gi)?")
_FACTORS = {None: 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30}
_NOT_OURS = frozenset({"NotBestEffort", "Terminating", "PriorityClass", "CrossNamespacePodAffinity"})
"""Scopes of quotas that pods without requests, deadline and priority are not in."""


def quotas(api: Api) -> Sequence[Mapping[str, Any]]:
    """Those of our namespace; none where we may not ask: the API server says so itself when there is no room."""
    try:
        found: Sequence[Mapping[str, Any]] = api.listed("ResourceQuota").get("items") or ()
    except ApiError:
        return ()
    return found


def jobs(
    nodes: Sequence[Mapping[str, Any]], limits: Iterable[Mapping[str, Any]], *, processors: int | None
) -> int:
    """How many at a time: one for each processor, no more than nodes take and the namespace's quotas leave; at least one.

    `processors` is how many there are, where that is not the sum of what nodes tell: kind nodes share their host's.
    """
    allocatable = [node["status"].get("allocatable") or {} for node in nodes]
    if processors is None:
        processors = sum(int(quantity(str(each.get("cpu", "1")))) for each in allocatable)
    pods = sum(int(quantity(str(each.get("pods", "110")))) for each in allocatable)
    return max(1, int(min([processors, pods, *_left(limits)])))


def quantity(text: str) -> float:
    """A quantity of the API (`4`, `3920m`, `1k`) as a number; 0 for what is none."""
    match = _QUANTITY.fullmatch(text)
    return float(match[1]) * _FACTORS[match[2]] if match else 0.0


def _left(limits: Iterable[Mapping[str, Any]]) -> Iterator[float]:
    for quota in limits:
        spec, status = quota.get("spec") or {}, quota.get("status") or {}
        selected = (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
        if _NOT_OURS & {*(spec.get("scopes") or ()), *(each.get("scopeName") for each in selected)}:
            continue
        hard, used = status.get("hard") or {}, status.get("used") or {}
        for name in ("pods", "count/pods"):
            if name in hard:
                yield quantity(str(hard[name])) - quantity(str(used.get(name, "0")))


def takes_pods(node: Mapping[str, Any]) -> bool:
    """Whether pods without tolerations may land there."""
    taints = node["spec"].get("taints") or ()
    return not node["spec"].get("unschedulable") and not any(
        taint.get("effect") in ("NoSchedule", "NoExecute") for taint in taints
    )


def is_ready(node: Mapping[str, Any]) -> bool:
    """Whether its kubelet says so."""
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)
