"""What a pod mounts: the scenario's files from ConfigMaps, and its data, fresh or from claims that outlive the pod."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from profile_smoke.errors import UsageError
from profile_smoke.scenario.model import file_bytes
from profile_smoke.target.kubernetes_plan import Workload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profile_smoke.target.kubernetes_plan import Plan

CONFIG_MAP_BYTES = 1 << 20
"""What one ConfigMap may hold (kubernetes `pkg/apis/core/validation`, MaxSecretSize)."""
_CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
"""Of the default StorageClass; the reference workloads need less."""


def config_maps(plan: Plan) -> Iterator[tuple[str, dict[str, str]]]:
    """Name and data of each ConfigMap. Raises UsageError for a file that none can hold."""
    for number, pack in enumerate(_packed(plan)):
        yield _config_map(plan, number), {key: text for key, _, text in pack}


def claims(plan: Plan) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and spec of each claim that is to be created. A StatefulSet makes its own, from `templates`."""
    if plan.shape.workload is not Workload.STATEFULSET:
        for name, _ in _kept(plan):
            yield f"{plan.name}-{name}", _CLAIM


def templates(plan: Plan) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and spec of each claim that a StatefulSet is to make for its pod."""
    if plan.shape.workload is Workload.STATEFULSET:
        for name, _ in _kept(plan):
            yield name, _CLAIM


def volumes(plan: Plan) -> Iterator[dict[str, Any]]:
    """The pod's volumes, but for those of `templates`."""
    for number in range(len(_packed(plan))):
        yield {"name": f"files-{number}", "configMap": {"name": _config_map(plan, number)}}
    for name, _ in _data(plan):
        if not plan.keep_volumes:
            yield {"name": name, "emptyDir": {}}
        elif plan.shape.workload is not Workload.STATEFULSET:
            yield {"name": name, "persistentVolumeClaim": {"claimName": f"{plan.name}-{name}"}}


def mounts(plan: Plan) -> Iterator[dict[str, Any]]:
    """Where the container has them. Files are mounted one by one, so that their folders keep what the image has there."""
    for number, pack in enumerate(_packed(plan)):
        for key, path, _ in pack:
            yield {"name": f"files-{number}", "mountPath": path, "subPath": key, "readOnly": True}
    for name, path in _data(plan):
        yield {"name": name, "mountPath": path}


def _config_map(plan: Plan, number: int) -> str:
    return f"{plan.name}-files-{number}"


def _packed(plan: Plan) -> list[list[tuple[str, str, str]]]:
    """Key, path and content of each file, by ConfigMap."""
    packs: list[list[tuple[str, str, str]]] = []
    room = 0
    for number, (path, content) in enumerate((plan.start.files or {}).items()):
        data = file_bytes(content)
        if len(data) > CONFIG_MAP_BYTES:
            raise UsageError(
                f"start.files {path}: {len(data)} bytes; in Kubernetes a file comes from a ConfigMap, "
                f"which holds at most {CONFIG_MAP_BYTES}"
            )
        if not packs or len(data) > room:
            packs.append([])
            room = CONFIG_MAP_BYTES
        packs[-1].append((f"file-{number}", path, data.decode("utf-8")))
        room -= len(data)
    return packs


def _data(plan: Plan) -> list[tuple[str, str]]:
    """Name and path of each volume of the scenario."""
    return [(f"data-{number}", path) for number, path in enumerate(plan.start.volumes)]


def _kept(plan: Plan) -> list[tuple[str, str]]:
    return _data(plan) if plan.keep_volumes else []
