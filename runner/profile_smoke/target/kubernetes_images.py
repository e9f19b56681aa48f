"""Images for the nodes of a cluster: what they have, else what the store can give them, else what they pull themselves."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from profile_smoke.errors import ImageError, InfrastructureError
from profile_smoke.image import registry
from profile_smoke.image.interface import ImageConfig, PreparedImage
from profile_smoke.image.layout import image_config
from profile_smoke.model import ImageInfo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from profile_smoke.image.store import Policy, Store
    from profile_smoke.target.kind_node import KindNode

_CTR = ("ctr", "--namespace", "k8s.io")
_MANAGED = "io.cri-containerd.image=managed"
"""The label by which containerd's CRI side says that it has taken notice of an image."""
_NOTICE_SECONDS = 10.0
_IMPORT_SECONDS = 600.0
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class _Held:
    """An image as a node has it: the digest of its manifest or index, and whether pods can use it already."""

    digest: str
    managed: bool


class NodeImages:
    """Prepares images on nodes, through the containerd of those that are containers of this host."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def prepare(
        self,
        ref: str,
        standin: Path | None,
        *,
        policy: Policy,
        nodes: Sequence[KindNode],
        elsewhere: Sequence[str],
    ) -> PreparedImage:
        """Make the image known to all nodes; policies are those of `Store.obtain`.

        `elsewhere` names the nodes that are not on this host: where there are any, nodes pull for themselves, and what
        is no registry's image cannot be had.

        Raises:
            ImageError: and its kinds, as `Store.obtain`.
            InfrastructureError: a node does not do its part. DiskFullError, InterruptedRunError.
        """
        source = registry.parse(ref)
        if elsewhere:
            if policy == "always" or source.registry is None:
                what = f"a stand-in for {ref}" if policy == "always" else ref
                raise ImageError(
                    f"{what}: cannot be brought into node {elsewhere[0]}, which is no kind node of this host; push it to "
                    "a registry that the nodes can reach and name it there (--image)"
                )
            return PreparedImage(ImageInfo(ref, ""), ImageConfig(), engine_ref=ref)
        if policy != "always" and source.registry is not None:
            name = full_name(ref)
            held = [_held(node, name) for node in nodes]
            if held and held[0] is not None and all(each == held[0] and each.managed for each in held):
                return PreparedImage(
                    ImageInfo(ref, held[0].digest), _config(nodes[0], held[0].digest), engine_ref=ref
                )
        layout = self._store.obtain(ref, standin, policy=policy)
        prepared = self._store.prepared(layout)
        name, archive = prepared.engine_ref or "", self._store.docker_archive(layout)
        with ThreadPoolExecutor(max_workers=max(1, len(nodes)), thread_name_prefix="load") as pool:
            list(pool.map(lambda node: self._load(node, name, archive), nodes))
        return prepared

    def _load(self, node: KindNode, name: str, archive: Path) -> None:
        """Import it where it is missing; one at a time for a node, so that nobody uses what is half there."""
        with self._store.alone(f"node-{node.name}"):
            if _held(node, name) is None:
                node.run(*_CTR, "images", "import", "-", stdin=archive, timeout=_IMPORT_SECONDS)
            _await_notice(node, name)


def full_name(ref: str) -> str:
    """The reference as containerd keeps it: with registry and tag (`docker.io/library/nginx:1.21`)."""
    host, slash, rest = ref.partition("/")
    if not slash:
        name = f"docker.io/library/{ref}"
    elif host == "docker.io" and "/" not in rest:
        name = f"docker.io/library/{rest}"
    elif registry.parse(ref).registry == "docker.io" and host != "docker.io":
        name = f"docker.io/{ref}"
    else:
        name = ref
    return name if "@" in name or ":" in name.rpartition("/")[2] else f"{name}:latest"


def _await_notice(node: KindNode, name: str) -> None:
    """Wait until the kubelet would find it: containerd's CRI side learns of a new image by an event."""
    deadline = time.monotonic() + _NOTICE_SECONDS
    while True:
        held = _held(node, name)
        if held is not None and held.managed:
            return
        if time.monotonic() > deadline:
            raise InfrastructureError(f"node {node.name}: its containerd does not take notice of {name}")
        node.tools.pause(0.05)


def _held(node: KindNode, name: str) -> _Held | None:
    """What the node has by this name: a table with one line below its heads, or with none."""
    table = node.run(*_CTR, "images", "ls", f"name=={name}").decode(errors="replace")
    for line in table.splitlines()[1:]:
        words = line.split()
        if words and words[0] == name:
            return _Held(next(word for word in words if word.startswith("sha256:")), _MANAGED in line)
    return None


def _config(node: KindNode, digest: str) -> ImageConfig:
    """How the image starts, from the node's content store; of the node's own platform where there are several."""
    document = _content(node, digest)
    if "manifests" in document:
        machine = node.run("uname", "-m").decode().strip()
        wanted = _ARCHITECTURES.get(machine, machine)
        fitting = [
            each["digest"]
            for each in document["manifests"]
            if (each.get("platform") or {}).get("architecture", wanted) == wanted
        ]
        if not fitting:
            raise ImageError(f"node {node.name}: the image {digest} has nothing for {machine}")
        document = _content(node, fitting[0])
    return image_config(_content(node, document["config"]["digest"]).get("config") or {})


def _content(node: KindNode, digest: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(node.run(*_CTR, "content", "get", digest))
    return found
