"""What `doctor` says of a cluster: where it is, what may be done there, its nodes, and what of them is not known."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from profile_smoke.target import kubernetes_rights
from profile_smoke.target.interface import Note
from profile_smoke.target.kubernetes_agents import NAMESPACE, Agents
from profile_smoke.target.kubernetes_api import Api
from profile_smoke.target.kubernetes_errors import ApiError, api_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from profile_smoke.target.kubernetes_plan import Workload

    Documents = Sequence[Mapping[str, Any]]

_SECONDS = 10.0
_DEFAULT_CLASS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)


def notes(api: Api, nodes: Documents, workload: Workload, context: str | None) -> Iterator[Note]:
    """Everything, what matters most first; `context` is the connection's. Raises ApiError when it breaks meanwhile."""
    yield Note(good=True, topic="access", text=f"context {api.context}, namespace {api.namespace}")
    yield _permissions(api, workload)
    yield from _nodes(nodes)
    yield _agents(context)
    yield _seccomp_default(api, nodes)
    yield _storage(api)


def _permissions(api: Api, workload: Workload) -> Note:
    missing = kubernetes_rights.missing(api, workload)
    if missing:
        return Note(
            good=False,
            topic="permissions",
            text=f"not allowed: {', '.join(missing)}",
            remedy="cells end as errors without them; ask for a role that has them",
        )
    return Note(good=True, topic="permissions", text="all that a run needs")


def _nodes(nodes: Documents) -> Iterator[Note]:
    """A line for each kind of node."""
    kinds = Counter(
        ", ".join(
            str(node["status"]["nodeInfo"].get(field, ""))
            for field in ("kubeletVersion", "containerRuntimeVersion", "kernelVersion", "architecture")
        )
        for node in nodes
    )
    for kind, count in kinds.items():
        yield Note(good=True, topic="nodes", text=f"{count} with {kind}")
    if len(kinds) > 1:
        yield Note(
            good=False,
            topic="nodes",
            text="not all alike",
            remedy="what a profile means is told for the first; a cell may come out differently on another",
        )


def _agents(context: str | None) -> Note:
    topic = "node agents"
    agents = Agents(Api.connect(context, NAMESPACE))
    try:
        found = agents.running()
        barred = kubernetes_rights.missing_for_agents(agents.api) if found else []
    except ApiError as error:
        return _unknown(topic, error, f"list on pods in {NAMESPACE}")
    finally:
        agents.close()
    if barred:
        text = f"on {', '.join(found)}, but not allowed in {NAMESPACE}: {', '.join(barred)}"
        return Note(good=False, topic=topic, text=text)
    if found:
        return Note(good=True, topic=topic, text=f"on {', '.join(found)}")
    remedy = "kind nodes of this host need none; for others: profile-smoke agent install"
    return Note(good=True, topic=topic, text="none", remedy=remedy)


def _unknown(topic: str, error: ApiError, right: str) -> Note:
    text = f"unknown: it takes {right}" if error.forbidden else f"unknown: {error}"
    return Note(good=False, topic=topic, text=text)


def _seccomp_default(api: Api, nodes: Documents) -> Note:
    """Of each kubelet, by its own word: of pods that name no profile; ours all do."""
    topic = "SeccompDefault"
    found: dict[str, list[str]] = {}
    for node in nodes:
        name = str(node["metadata"]["name"])
        try:
            settings = _configz(api, name)
        except ApiError as error:
            return _unknown(topic, error, "get on nodes/proxy")
        state = "on" if settings.get("seccompDefault") else "off"
        found.setdefault(state, []).append(name)
    if set(found) == {"on"}:
        return Note(good=True, topic=topic, text="on: pods that name no profile get the runtime's default")
    where = f" on {', '.join(found['off'])}" if len(found) > 1 else ""
    return Note(good=True, topic=topic, text=f"off{where}: pods that name no profile run without any")


def _configz(api: Api, node: str) -> Mapping[str, Any]:
    """A kubelet's settings, through the API server."""
    from kubernetes.client import CoreV1Api

    with api_errors(f"asking the kubelet of {node} for its settings"):
        response = CoreV1Api(api.client).connect_get_node_proxy_with_path(
            node, "configz", _preload_content=False, _request_timeout=_SECONDS
        )
        settings: Mapping[str, Any] = json.loads(response.data).get("kubeletconfig") or {}
    return settings


def _storage(api: Api) -> Note:
    from kubernetes.client import StorageV1Api

    topic = "storage"
    try:
        with api_errors("listing StorageClasses"):
            response = StorageV1Api(api.client).list_storage_class(
                _preload_content=False, _request_timeout=_SECONDS
            )
            classes = json.loads(response.data).get("items") or ()
    except ApiError as error:
        return _unknown(topic, error, "list on storageclasses")
    for each in classes:
        annotations = each["metadata"].get("annotations") or {}
        if any(annotations.get(name) == "true" for name in _DEFAULT_CLASS):
            return Note(
                good=True,
                topic=topic,
                text=f"default StorageClass {each['metadata']['name']}, {each.get('provisioner')}",
            )
    return Note(
        good=False,
        topic=topic,
        text="there is no default StorageClass",
        remedy="scenarios that restart on their volumes need one",
    )
