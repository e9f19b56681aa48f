"""The API documents of one launch in Kubernetes: what a run creates, and what `manifests` prints.

The workload is the last of them; before it comes what it mounts. Only fields of `v1` and `apps/v1` are used that every
server since 1.20 knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from profile_smoke.errors import UsageError
from profile_smoke.target import kubernetes_volumes
from profile_smoke.target.kubernetes_plan import SeccompAt, Workload

if TYPE_CHECKING:
    from collections.abc import Iterable

    from profile_smoke.target.kubernetes_plan import Plan

Document = dict[str, Any]
CONTAINER = "workload"
"""The container's name in every pod."""
_SHOWN_BYTES, _SHOWN_HEAD = 4096, 80
"""Files up to so many bytes are shown whole, and of others so many characters."""
_USER_FIELDS = ("runAsUser", "runAsGroup")


def documents(plan: Plan) -> list[Document]:
    """What to create, in this order.

    Raises:
        UsageError: the scenario wants what a pod cannot have.
    """
    return [
        *(
            _document("v1", "ConfigMap", plan, name, data=data)
            for name, data in kubernetes_volumes.config_maps(plan)
        ),
        *(
            _document("v1", "PersistentVolumeClaim", plan, name, spec=spec)
            for name, spec in kubernetes_volumes.claims(plan)
        ),
        _workload(plan),
    ]


def shown(made: Iterable[Document]) -> tuple[Document, ...]:
    """The documents as a report has them: the scenario's files, which may be large, are cut."""
    return tuple(
        {**each, "data": {key: _cut(text) for key, text in each["data"].items()}} if "data" in each else each
        for each in made
    )


def _cut(text: str) -> str:
    size = len(text.encode())
    return text if size <= _SHOWN_BYTES else f"{text[:_SHOWN_HEAD]}... ({size} bytes)"


def pod_spec(workload: Document) -> Document:
    """The pod's spec in a workload of any kind."""
    spec: Document = workload["spec"] if workload["kind"] == "Pod" else workload["spec"]["template"]["spec"]
    return spec


def _workload(plan: Plan) -> Document:
    match plan.shape.workload:
        case Workload.POD:
            # Never restarted by the kubelet: how it ended is what a launch wants to know.
            return _document("v1", "Pod", plan, plan.name, spec={**_pod_spec(plan), "restartPolicy": "Never"})
        case Workload.DEPLOYMENT:
            # A claim is one pod's at a time: the old one goes before the new one comes.
            spec = {"replicas": 1, "strategy": {"type": "Recreate"}, **_template(plan)}
            return _document("apps/v1", "Deployment", plan, plan.name, spec=spec)
        case Workload.STATEFULSET:
            spec = {"replicas": 1, "serviceName": plan.name, **_template(plan)}
            if templates := list(kubernetes_volumes.templates(plan)):
                spec["volumeClaimTemplates"] = [
                    {"metadata": {"name": name, **_marks(plan)}, "spec": claim} for name, claim in templates
                ]
            return _document("apps/v1", "StatefulSet", plan, plan.name, spec=spec)
        case Workload.DAEMONSET:
            return _document("apps/v1", "DaemonSet", plan, plan.name, spec=_template(plan))
    assert_never(plan.shape.workload)


def _document(version: str, kind: str, plan: Plan, name: str, **content: Any) -> Document:
    namespace = {"namespace": plan.namespace} if plan.namespace is not None else {}
    metadata = {"name": name, **namespace, **_marks(plan)}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def _marks(plan: Plan) -> Document:
    marks = {"labels": dict(plan.labels), "annotations": dict(plan.annotations)}
    return {key: value for key, value in marks.items() if value}


def _template(plan: Plan) -> Document:
    return {
        "selector": {"matchLabels": dict(plan.labels)},
        "template": {"metadata": _marks(plan), "spec": _pod_spec(plan)},
    }


def _pod_spec(plan: Plan) -> Document:
    security = _pod_security(plan)
    volumes = list(kubernetes_volumes.volumes(plan))
    return {
        # Nothing in a smoke test talks to the cluster, and the addresses of its services are no part of the workload.
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": plan.grace_seconds,
        **({"affinity": _only_on(plan.node)} if plan.node is not None else {}),
        **({"securityContext": security} if security else {}),
        "containers": [_container(plan)],
        **({"volumes": volumes} if volumes else {}),
    }


def _only_on(node: str) -> Document:
    """To this node, through the scheduler: `nodeName` would pass it by, and claims are bound by it."""
    here = {"key": "metadata.name", "operator": "In", "values": [node]}
    terms = {"nodeSelectorTerms": [{"matchFields": [here]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


def _container(plan: Plan) -> Document:
    start = plan.start
    found: Document = {"name": CONTAINER, "image": plan.image, "imagePullPolicy": plan.pull_policy}
    if start.entrypoint:
        found["command"] = [_literal(word) for word in start.entrypoint]
    if start.args:
        found["args"] = [_literal(word) for word in start.args]
    if start.env:
        found["env"] = [{"name": name, "value": _literal(value)} for name, value in start.env.items()]
    if start.ports:
        found["ports"] = [{"containerPort": port} for port in start.ports]
    if plan.requests:
        found["resources"] = {"requests": dict(plan.requests)}
    found["securityContext"] = _container_security(plan)
    if mounts := list(kubernetes_volumes.mounts(plan)):
        found["volumeMounts"] = mounts
    return found


def _literal(text: str) -> str:
    """A text that the kubelet leaves as it was: it would replace `$(NAME)`, and reads `$$` as `$`."""
    return text.replace("$", "$$")


def _seccomp(plan: Plan, at: SeccompAt) -> Document:
    if plan.shape.seccomp_at is not at:
        return {}
    if plan.localhost_profile is None:
        return {"seccompProfile": {"type": "RuntimeDefault"}}
    return {"seccompProfile": {"type": "Localhost", "localhostProfile": plan.localhost_profile}}


def _pod_security(plan: Plan) -> Document:
    user = _user(plan)
    return {
        **({"runAsNonRoot": True} if user.get("runAsUser") else {}),
        **user,
        **_seccomp(plan, SeccompAt.POD),
    }


def _container_security(plan: Plan) -> Document:
    """Privilege escalation is said either way: where nothing is said, it is allowed.

    A workload that is not root and cannot become it has no capabilities to lose, so they are dropped as the standard
    `restricted` wants it.
    """
    unprivileged = plan.start.no_new_privileges and bool(_user(plan).get("runAsUser"))
    return {
        "allowPrivilegeEscalation": not plan.start.no_new_privileges,
        **({"capabilities": {"drop": ["ALL"]}} if unprivileged else {}),
        **_seccomp(plan, SeccompAt.CONTAINER),
    }


def _user(plan: Plan) -> dict[str, int]:
    """`uid` or `uid:gid`, as fields. Raises UsageError: a pod takes numbers only."""
    if plan.start.user is None:
        return {}
    numbers = plan.start.user.split(":")
    if len(numbers) > len(_USER_FIELDS) or not all(each.isascii() and each.isdigit() for each in numbers):
        raise UsageError(
            f'start.user "{plan.start.user}": Kubernetes takes a number (or uid:gid) only, such as "65534"'
        )
    return {name: int(number) for name, number in zip(_USER_FIELDS, numbers, strict=False)}
