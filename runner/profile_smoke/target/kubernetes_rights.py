"""What a run asks the API server for, and which of it the cluster's rules (RBAC) do not allow.

`docs/kubernetes.md` has it as a role.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from profile_smoke.errors import InfrastructureError
from profile_smoke.target.kubernetes_errors import ApiError
from profile_smoke.target.kubernetes_plan import Workload

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from profile_smoke.target.kubernetes_api import Api

_MADE = ("create", "get", "list", "watch", "delete")
NEEDED = {
    ("", "pods", ""): _MADE,
    ("", "pods", "log"): ("get",),
    ("", "pods", "exec"): ("get", "create"),
    ("", "pods", "portforward"): ("get", "create"),
    ("", "configmaps", ""): _MADE,
    ("", "persistentvolumeclaims", ""): _MADE,
    ("", "events", ""): ("list", "watch"),
    ("", "nodes", ""): ("list",),
    ("apps", "deployments", ""): ("list",),
    ("apps", "statefulsets", ""): ("list",),
    ("apps", "daemonsets", ""): ("list",),
}
"""Verbs by API group, resource and subresource, whatever makes the pods, and all kinds listed to see that none is left."""
_FOR_AGENTS = {("", "pods", ""): ("get", "list"), ("", "pods", "portforward"): ("get", "create")}
"""The same in the agents' namespace."""
MAKES = {
    Workload.DEPLOYMENT: "deployments",
    Workload.STATEFULSET: "statefulsets",
    Workload.DAEMONSET: "daemonsets",
}
"""The resource, of the group `apps`, that makes the pod."""


def missing(api: Api, workload: Workload) -> list[str]:
    """Verb and resource of each right that is not there. Raises ApiError."""
    needed = {**NEEDED}
    if resource := MAKES.get(workload):
        needed["apps", resource, ""] = _MADE
    return _refused(api, needed)


def missing_for_agents(api: Api) -> list[str]:
    """As `missing`, of what it takes to use agents; `api` has their namespace. Raises ApiError."""
    return _refused(api, _FOR_AGENTS)


def _refused(api: Api, needed: Mapping[tuple[str, str, str], Iterable[str]]) -> list[str]:
    return [
        f"{verb} {'/'.join(filter(None, (resource, part)))}"
        for (group, resource, part), verbs in needed.items()
        for verb in verbs
        if not api.may(verb, resource, group, part)
    ]


def why(error: InfrastructureError, api: Api, workload: Workload) -> str:
    """What an error of the API server says; where a right is missing, all that are: each would be the next error."""
    if isinstance(error, ApiError) and error.forbidden:
        with suppress(InfrastructureError):
            if rights := missing(api, workload):
                return f"context {api.context}, namespace {api.namespace}: not allowed: {', '.join(rights)}"
    return str(error)
