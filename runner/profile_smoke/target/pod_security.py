"""What of a pod the Pod Security Standards `baseline` and `restricted` refuse, control by control, by field.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/ and the checks that the API server runs for it
(kubernetes `staging/src/k8s.io/pod-security-admission/policy`, latest version). For Linux pods: what is Windows' alone
is refused where the standard refuses it, and not asked for where it is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Object = dict[str, Any]
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_SECCOMP = ("RuntimeDefault", "Localhost")
_CAPABILITIES = frozenset(
    {
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"),
        *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    }
)
_SYSCTLS = frozenset(
    {
        *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start"),
        *("net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports"),
        *("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"),
        *("net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
    }
)
_SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
_VOLUMES = frozenset(
    {
        *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral"),
        *("persistentVolumeClaim", "projected", "secret"),
    }
)
_HANDLERS = (
    ("livenessProbe",),
    ("readinessProbe",),
    ("startupProbe",),
    ("lifecycle", "postStart"),
    ("lifecycle", "preStop"),
)
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"


class Level(StrEnum):
    """The standards that refuse anything."""

    BASELINE = "baseline"
    RESTRICTED = "restricted"


@dataclass(frozen=True)
class Violation:
    """A field that a standard refuses: `field` is its path in the pod, `wanted` what it would have to be."""

    level: Level
    field: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.field} must be {self.wanted}"


def violations(spec: Mapping[str, Any], annotations: Mapping[str, str] | None = None) -> list[Violation]:
    """Everything that `restricted` refuses in a pod of this spec; what `baseline` refuses too is marked so, and first."""
    pod = _Pod(spec, annotations or {})
    return [
        *(Violation(Level.BASELINE, field, wanted) for field, wanted in pod.baseline()),
        *(Violation(Level.RESTRICTED, field, wanted) for field, wanted in pod.restricted()),
    ]


_Found = tuple[str, str]


class _Pod:
    def __init__(self, spec: Mapping[str, Any], annotations: Mapping[str, str]) -> None:
        self._spec, self._annotations = spec, annotations
        self._security: Object = spec.get("securityContext") or {}
        self._containers: list[tuple[str, Object]] = [
            (f"spec.{kind}[{number}]", container)
            for kind in _CONTAINERS
            for number, container in enumerate(spec.get(kind) or ())
        ]

    def _contexts(self) -> Iterator[tuple[str, Object]]:
        """Every security context with its path: the pod's, then those of containers."""
        yield "spec.securityContext", self._security
        yield from self._own_contexts()

    def _own_contexts(self) -> Iterator[tuple[str, Object]]:
        for path, container in self._containers:
            yield f"{path}.securityContext", container.get("securityContext") or {}

    # --- baseline ------------------------------------------------------------------------------------------------

    def baseline(self) -> Iterator[_Found]:
        """Every control of the standard."""
        yield from self._host_process()
        yield from self._host_namespaces()
        yield from self._privileged()
        yield from self._host_paths()
        yield from self._host_ports()
        yield from self._host_probes()
        yield from self._apparmor()
        yield from self._selinux()
        yield from self._unconfined()
        yield from self._sysctls()

    def _host_namespaces(self) -> Iterator[_Found]:
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            if self._spec.get(field):
                yield f"spec.{field}", "false"

    def _privileged(self) -> Iterator[_Found]:
        for path, context in self._own_contexts():
            if context.get("privileged"):
                yield f"{path}.privileged", "false"
            added = set(_capabilities(context, "add"))
            if added - _CAPABILITIES:
                yield f"{path}.capabilities.add", f"without {', '.join(sorted(added - _CAPABILITIES))}"
            if context.get("procMount", "Default") != "Default":
                yield f"{path}.procMount", "Default"

    def _host_paths(self) -> Iterator[_Found]:
        for number, volume in enumerate(self._spec.get("volumes") or ()):
            if "hostPath" in volume:
                yield f"spec.volumes[{number}].hostPath", "unset"

    def _unconfined(self) -> Iterator[_Found]:
        for path, context in self._contexts():
            if (context.get("seccompProfile") or {}).get("type") == "Unconfined":
                yield f"{path}.seccompProfile.type", " or ".join(_SECCOMP)

    def _sysctls(self) -> Iterator[_Found]:
        for number, sysctl in enumerate(self._security.get("sysctls") or ()):
            if sysctl.get("name") not in _SYSCTLS:
                yield f"spec.securityContext.sysctls[{number}].name", "a safe one"

    def _host_process(self) -> Iterator[_Found]:
        for path, context in self._contexts():
            if (context.get("windowsOptions") or {}).get("hostProcess"):
                yield f"{path}.windowsOptions.hostProcess", "false"

    def _host_ports(self) -> Iterator[_Found]:
        for path, container in self._containers:
            for number, port in enumerate(container.get("ports") or ()):
                if port.get("hostPort"):
                    yield f"{path}.ports[{number}].hostPort", "unset"

    def _host_probes(self) -> Iterator[_Found]:
        for path, container in self._containers:
            for names in _HANDLERS:
                handler: Object = container
                for name in names:
                    handler = handler.get(name) or {}
                for action in ("httpGet", "tcpSocket"):
                    if (handler.get(action) or {}).get("host"):
                        yield f"{path}.{'.'.join(names)}.{action}.host", "unset"

    def _apparmor(self) -> Iterator[_Found]:
        for path, context in self._contexts():
            if (context.get("appArmorProfile") or {}).get("type", "RuntimeDefault") not in _SECCOMP:
                yield f"{path}.appArmorProfile.type", " or ".join(_SECCOMP)
        for name, value in self._annotations.items():
            if (
                name.startswith(_APPARMOR)
                and value != "runtime/default"
                and not value.startswith("localhost/")
            ):
                yield f"metadata.annotations[{name}]", "runtime/default or localhost/*"

    def _selinux(self) -> Iterator[_Found]:
        for path, context in self._contexts():
            options: Object = context.get("seLinuxOptions") or {}
            if options.get("type", "") not in _SELINUX_TYPES:
                yield f"{path}.seLinuxOptions.type", " or ".join(sorted(_SELINUX_TYPES - {""}))
            for field in ("user", "role"):
                if options.get(field):
                    yield f"{path}.seLinuxOptions.{field}", "unset"

    # --- restricted ----------------------------------------------------------------------------------------------

    def restricted(self) -> Iterator[_Found]:
        """What it adds to baseline, in the standard's order."""
        for number, volume in enumerate(self._spec.get("volumes") or ()):
            for kind in sorted(set(volume) - {"name", "hostPath"} - _VOLUMES):
                yield f"spec.volumes[{number}].{kind}", f"one of {', '.join(sorted(_VOLUMES))}"
        for path, context in self._own_contexts():
            if context.get("allowPrivilegeEscalation") is not False:
                yield f"{path}.allowPrivilegeEscalation", "false"
        yield from self._non_root()
        yield from self._seccomp()
        for path, context in self._own_contexts():
            if "ALL" not in _capabilities(context, "drop"):
                yield f"{path}.capabilities.drop", "[ALL]"
            # What baseline refuses already is not said twice.
            more = (set(_capabilities(context, "add")) & _CAPABILITIES) - {"NET_BIND_SERVICE"}
            if more:
                yield f"{path}.capabilities.add", "NET_BIND_SERVICE at most"

    def _non_root(self) -> Iterator[_Found]:
        pod = self._security.get("runAsNonRoot")
        if pod is False:
            yield "spec.securityContext.runAsNonRoot", "true"
        for path, context in self._own_contexts():
            own = context.get("runAsNonRoot")
            if own is False or (own is None and pod is None):
                yield f"{path}.runAsNonRoot", "true (here, or in spec.securityContext)"
        for path, context in self._contexts():
            if context.get("runAsUser") == 0:
                yield f"{path}.runAsUser", "other than 0"

    def _seccomp(self) -> Iterator[_Found]:
        """One in the pod's context does for every container without its own."""
        pod = (self._security.get("seccompProfile") or {}).get("type")
        for path, context in self._own_contexts():
            own = (context.get("seccompProfile") or {}).get("type")
            if own is None and pod is None:
                yield (
                    f"{path}.seccompProfile.type",
                    f"{' or '.join(_SECCOMP)} (here, or in spec.securityContext)",
                )


def _capabilities(context: Mapping[str, Any], what: str) -> list[str]:
    found: list[str] = (context.get("capabilities") or {}).get(what) or []
    return found
