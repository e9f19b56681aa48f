"""The Pod Security Standards, control by control: what each refuses, where, and what it lets pass."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from profile_smoke.target.pod_security import Level, violations

GOOD: dict[str, Any] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "app",
            "ports": [{"containerPort": 80}],
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
    "volumes": [{"name": "data", "emptyDir": {}}],
}
OWN = "spec.containers[0].securityContext"


def pod(path: str, value: Any) -> dict[str, Any]:
    """The good pod with one field set: `containers.0.securityContext.privileged`; None takes it out."""
    found = deepcopy(GOOD)
    at: Any = found
    *parents, last = path.split(".")
    for part in parents:
        at = at[int(part)] if part.isdigit() else at.setdefault(part, {})
    if value is None:
        del at[last]
    else:
        at[last] = value
    return found


def test_a_hardened_pod_is_let_pass() -> None:
    """By both standards."""
    assert violations(GOOD) == []


OWN_PATH = "containers.0.securityContext"
BASELINE = [
    ("securityContext.windowsOptions.hostProcess", True, "spec.securityContext.windowsOptions.hostProcess"),
    (f"{OWN_PATH}.windowsOptions.hostProcess", True, f"{OWN}.windowsOptions.hostProcess"),
    ("hostNetwork", True, "spec.hostNetwork"),
    ("hostPID", True, "spec.hostPID"),
    ("hostIPC", True, "spec.hostIPC"),
    (f"{OWN_PATH}.privileged", True, f"{OWN}.privileged"),
    (f"{OWN_PATH}.capabilities.add", ["SYS_ADMIN"], f"{OWN}.capabilities.add"),
    ("volumes", [{"name": "a", "hostPath": {"path": "/"}}], "spec.volumes[0].hostPath"),
    ("containers.0.ports", [{"containerPort": 1, "hostPort": 1}], "spec.containers[0].ports[0].hostPort"),
    (
        "containers.0.livenessProbe.httpGet",
        {"host": "10.0.0.1", "port": 1},
        "spec.containers[0].livenessProbe.httpGet.host",
    ),
    (
        "containers.0.lifecycle.preStop.tcpSocket",
        {"host": "a", "port": 1},
        "spec.containers[0].lifecycle.preStop.tcpSocket.host",
    ),
    (f"{OWN_PATH}.appArmorProfile.type", "Unconfined", f"{OWN}.appArmorProfile.type"),
    ("securityContext.seLinuxOptions", {"type": "spc_t"}, "spec.securityContext.seLinuxOptions.type"),
    (f"{OWN_PATH}.seLinuxOptions", {"user": "u"}, f"{OWN}.seLinuxOptions.user"),
    (f"{OWN_PATH}.seLinuxOptions", {"role": "r"}, f"{OWN}.seLinuxOptions.role"),
    (f"{OWN_PATH}.procMount", "Unmasked", f"{OWN}.procMount"),
    (f"{OWN_PATH}.seccompProfile", {"type": "Unconfined"}, f"{OWN}.seccompProfile.type"),
    ("securityContext.seccompProfile", {"type": "Unconfined"}, "spec.securityContext.seccompProfile.type"),
    (
        "securityContext.sysctls",
        [{"name": "kernel.msgmax", "value": "1"}],
        "spec.securityContext.sysctls[0].name",
    ),
]
RESTRICTED = [
    ("volumes", [{"name": "a", "nfs": {}}], "spec.volumes[0].nfs"),
    (f"{OWN_PATH}.allowPrivilegeEscalation", True, f"{OWN}.allowPrivilegeEscalation"),
    (f"{OWN_PATH}.allowPrivilegeEscalation", None, f"{OWN}.allowPrivilegeEscalation"),
    ("securityContext.runAsNonRoot", None, f"{OWN}.runAsNonRoot"),
    ("securityContext.runAsNonRoot", False, "spec.securityContext.runAsNonRoot"),
    (f"{OWN_PATH}.runAsNonRoot", False, f"{OWN}.runAsNonRoot"),
    (f"{OWN_PATH}.runAsUser", 0, f"{OWN}.runAsUser"),
    ("securityContext.runAsUser", 0, "spec.securityContext.runAsUser"),
    ("securityContext.seccompProfile", None, f"{OWN}.seccompProfile.type"),
    (f"{OWN_PATH}.capabilities", None, f"{OWN}.capabilities.drop"),
    (f"{OWN_PATH}.capabilities.drop", ["NET_RAW"], f"{OWN}.capabilities.drop"),
    (f"{OWN_PATH}.capabilities.add", ["CHOWN"], f"{OWN}.capabilities.add"),
]


@pytest.mark.parametrize(("path", "value", "field"), BASELINE, ids=[each[2] for each in BASELINE])
def test_what_baseline_refuses(path: str, value: Any, field: str) -> None:
    """One field is wrong, and that one is named."""
    [found] = violations(pod(path, value))
    assert (found.level, found.field) == (Level.BASELINE, field)
    assert str(found).startswith(f"{field} must be ")


@pytest.mark.parametrize(
    ("path", "value", "field"), RESTRICTED, ids=[f"{each[2]}={each[1]}" for each in RESTRICTED]
)
def test_what_restricted_refuses_as_well(path: str, value: Any, field: str) -> None:
    """One field is wrong or missing, and that one is named."""
    [found] = violations(pod(path, value))
    assert (found.level, found.field) == (Level.RESTRICTED, field)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("hostNetwork", False),
        (f"{OWN_PATH}.privileged", False),
        (f"{OWN_PATH}.capabilities.add", ["NET_BIND_SERVICE"]),
        ("containers.0.ports", [{"containerPort": 1, "hostPort": 0}]),
        ("containers.0.livenessProbe.httpGet", {"port": 1}),
        (f"{OWN_PATH}.appArmorProfile.type", "Localhost"),
        (f"{OWN_PATH}.seLinuxOptions", {"type": "container_t", "level": "s0"}),
        (f"{OWN_PATH}.procMount", "Default"),
        (f"{OWN_PATH}.seccompProfile", {"type": "Localhost", "localhostProfile": "a.json"}),
        ("securityContext.sysctls", [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]),
        (f"{OWN_PATH}.runAsUser", 65534),
        ("volumes", [{"name": "a", "persistentVolumeClaim": {"claimName": "a"}}]),
    ],
)
def test_what_is_let_pass(path: str, value: Any) -> None:
    """The other side of each control."""
    assert violations(pod(path, value)) == []


@pytest.mark.parametrize("field", ["runAsNonRoot", "seccompProfile"])
def test_a_container_may_say_it_for_itself(field: str) -> None:
    """Where the pod says nothing; every container has to, then."""
    found = deepcopy(GOOD)
    said = found["securityContext"].pop(field)
    found["containers"][0]["securityContext"][field] = said
    assert violations(found) == []
    found["initContainers"] = [
        {"name": "init", "securityContext": dict(GOOD["containers"][0]["securityContext"])}
    ]
    [violation] = violations(found)
    assert violation.field.startswith(f"spec.initContainers[0].securityContext.{field}")


@pytest.mark.parametrize(
    ("value", "passes"), [("runtime/default", True), ("localhost/mine", True), ("unconfined", False)]
)
def test_apparmor_of_older_servers(value: str, *, passes: bool) -> None:
    """Before 1.30 it was an annotation."""
    annotations = {"container.apparmor.security.beta.kubernetes.io/app": value, "other": "unconfined"}
    assert (violations(GOOD, annotations) == []) is passes
