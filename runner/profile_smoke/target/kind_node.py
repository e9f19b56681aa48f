"""Nodes of a kind cluster that are containers on this very host, so that commands can be run and files put in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import InfrastructureError
from profile_smoke.image.tools import ToolFailed, Tools, last_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_PROVIDER = "kind://"
_SECONDS = 60.0


@dataclass(frozen=True)
class KindNode:
    """A node: `engine` is the command (docker, podman, nerdctl) of whose containers `name` is one."""

    name: str
    engine: str
    tools: Tools

    @property
    def container(self) -> str:
        """`ENGINE/NAME`."""
        return f"{self.engine}/{self.name}"

    def run(self, *argv: str, stdin: Path | None = None, timeout: float = _SECONDS) -> bytes:
        """Run a command in the node as root, and return what it wrote to stdout.

        Raises:
            InfrastructureError: it ended with another code than 0, or not in time; the node is gone.
            DiskFullError, InterruptedRunError: as `Tools.run`.
        """
        try:
            return self.tools.run(
                [self.engine, "exec", "--interactive", self.name, *argv], stdin=stdin, timeout=timeout
            ).stdout
        except ToolFailed as error:
            raise InfrastructureError(f"node {self.name}: {argv[0]}: {last_line(error.output)}") from error


def among(nodes: Iterable[Mapping[str, Any]]) -> dict[str, KindNode]:
    """Those of a cluster's nodes that are containers of this host, by their names in the API."""
    tools, found = Tools(), {}
    for node in nodes:
        name, provider = node["metadata"]["name"], str(node["spec"].get("providerID", ""))
        here = local(name, provider, str(node["status"]["nodeInfo"].get("machineID", "")), tools)
        if here is not None:
            found[name] = here
    return found


def are_gone(containers: Iterable[str]) -> bool:
    """Whether there are no such containers any more, as their engines say; a stopped one is still there."""
    wanted, there = set(containers), set[str]()
    for engine in {container.partition("/")[0] for container in wanted}:
        try:
            names = Tools().run([engine, "ps", "--all", "--format", "{{.Names}}"], timeout=_SECONDS).stdout
        except (ToolFailed, InfrastructureError):  # it does not answer, or is not installed: nobody knows
            return False
        there |= {f"{engine}/{name}" for name in names.decode("utf-8", "replace").split()}
    return bool(wanted) and not wanted & there


def local(name: str, provider_id: str, machine_id: str, tools: Tools) -> KindNode | None:
    """The node that the API calls so, where it is a container of this host.

    `provider_id` is what kind tells the kubelet (`kind://docker/CLUSTER/NODE`), `machine_id` what the kubelet tells of the
    node: a cluster of the same name on another machine has another.
    """
    if not provider_id.startswith(_PROVIDER):
        return None
    engine, _, path = provider_id.removeprefix(_PROVIDER).partition("/")
    node = KindNode(path.rpartition("/")[2] or name, engine, tools)
    try:
        found = node.run("cat", "/etc/machine-id")
    except InfrastructureError:
        return None
    return node if found.decode(errors="replace").strip() == machine_id else None
