"""What is to be launched in Kubernetes, as a value: one pod, and how its user would deploy it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from profile_smoke.scenario.model import Start


class Workload(StrEnum):
    """The kind of object that makes the pod."""

    POD = "pod"
    DEPLOYMENT = "deployment"
    STATEFULSET = "statefulset"
    DAEMONSET = "daemonset"


class SeccompAt(StrEnum):
    """Which security context names the profile."""

    POD = "pod"
    CONTAINER = "container"


class Reach(StrEnum):
    """How nodes are reached, for what the API server does for nobody."""

    AUTO = "auto"
    KIND = "kind"
    AGENT = "agent"


@dataclass(frozen=True)
class Shape:
    """How users deploy it."""

    workload: Workload = Workload.POD
    seccomp_at: SeccompAt = SeccompAt.POD


@dataclass(frozen=True)
class Plan:
    """One launch, as far as its documents say.

    `name` is that of the workload and the stem of the others': a DNS label of at most 50 characters. `labels` go on every
    document and on the pod, and tell this pod from all others: controllers select by them. `image` is what the node
    knows it by. `localhost_profile` is relative to the kubelet's seccomp folder, None for the runtime's default. `node`
    None leaves the choice to the scheduler. `keep_volumes` makes claims, which outlive the pod, of the scenario's volumes.
    `requests` are resources by name (`cpu: 50m`); `grace_seconds` the pod's own time to stop.
    """

    name: str
    image: str
    start: Start
    shape: Shape = Shape()
    localhost_profile: str | None = None
    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    node: str | None = None
    keep_volumes: bool = False
    requests: Mapping[str, str] = field(default_factory=dict)
    pull_policy: str = "IfNotPresent"
    grace_seconds: int = 30
