"""Images for nodes: what they have is used, what is missing is brought in once, what cannot be brought in is said."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from profile_smoke.errors import ImageError, InfrastructureError
from profile_smoke.image import layout
from profile_smoke.image.interface import ImageConfig
from profile_smoke.image.store import Store
from profile_smoke.image.tools import Tools
from profile_smoke.target import kind_node, kubernetes_images
from profile_smoke.target.kind_node import KindNode
from profile_smoke.target.kubernetes_images import NodeImages, full_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HEADS = "REF TYPE DIGEST SIZE PLATFORMS LABELS\n"
MANAGED = "io.cri-containerd.image=managed"


@dataclass
class Containerd:
    """What is in a node: images by name, content by digest. `notices`: it takes notice of what is looked at again."""

    images: dict[str, str] = field(default_factory=dict)
    content: dict[str, object] = field(default_factory=dict)
    notices: bool = True
    imported: list[Path] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)

    def table(self, ref: str) -> str:
        if ref not in self.images:
            return HEADS
        self.looked_at.append(ref)
        label = MANAGED if self.notices and self.looked_at.count(ref) > 1 else "-"
        return f"{HEADS}{ref} type {self.images[ref]} 9 MiB linux/amd64 {label}\n"


@dataclass(frozen=True)
class Node(KindNode):
    """A node that has nothing but a containerd."""

    containerd: Containerd

    def run(self, *argv: str, stdin: Path | None = None, timeout: float = 0) -> bytes:
        del timeout
        inside = self.containerd
        match argv[3:]:
            case ("images", "ls", name):
                return inside.table(name.removeprefix("name==")).encode()
            case ("images", "import", "-"):
                assert stdin is not None
                inside.images[stdin.read_text()] = "sha256:new"
                inside.imported.append(stdin)
                return b""
            case ("content", "get", digest):
                return json.dumps(inside.content[digest]).encode()
        assert argv == ("uname", "-m")
        return b"x86_64\n"


def node(name: str = "a", *, notices: bool = True, **images: str) -> Node:
    """`app` is the digest of the image that the tests ask for, where the node has it."""
    held = {"docker.io/library/app:1": images["app"]} if images else {}
    return Node(name, "docker", Tools(), Containerd(held, notices=notices, looked_at=list(held)))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def archive(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An image in an archive; the archive for nodes holds the image's name alone."""
    (tmp_path / "layer.tar").write_bytes(b"")
    layout.write(tmp_path / "image", tmp_path / "layer.tar", ImageConfig(), architecture="amd64", created="")
    found = layout.read(tmp_path / "image", "app")
    monkeypatch.setattr(store, "obtain", lambda *_args, **_options: found)
    packed = tmp_path / "packed.tar"
    packed.write_text(store.prepared(found).engine_ref or "")
    monkeypatch.setattr(store, "docker_archive", lambda _layout: packed)
    return packed


@pytest.mark.parametrize(
    ("ref", "full"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.21", "docker.io/library/nginx:1.21"),
        ("prom/node-exporter:v1", "docker.io/prom/node-exporter:v1"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("ghcr.io/a/b:1", "ghcr.io/a/b:1"),
        ("localhost/a", "localhost/a:latest"),
        ("127.0.0.1:5000/a", "127.0.0.1:5000/a:latest"),
        ("nginx@sha256:" + "0" * 64, "docker.io/library/nginx@sha256:" + "0" * 64),
    ],
)
def test_names_are_containerds(ref: str, full: str) -> None:
    """It keeps no short names."""
    assert full_name(ref) == full


def prepare(
    store: Store, nodes: Sequence[Node], elsewhere: Sequence[str] = (), policy: str = "auto"
) -> str | None:
    prepared = NodeImages(store).prepare(
        "app:1",
        None,
        policy=policy,  # type: ignore[arg-type]
        nodes=nodes,
        elsewhere=elsewhere,
    )
    return prepared.engine_ref


def test_what_every_node_has_is_used(store: Store) -> None:
    """No registry is asked: a user has loaded it. How it starts is read from the node, for the node's own platform."""
    here = node(app="sha256:index")
    here.containerd.content.update(
        {
            "sha256:index": {
                "manifests": [
                    {"digest": "sha256:arm", "platform": {"architecture": "arm64"}},
                    {"digest": "sha256:amd", "platform": {"architecture": "amd64"}},
                ]
            },
            "sha256:amd": {"config": {"digest": "sha256:config"}},
            "sha256:config": {"config": {"User": "nobody", "Cmd": ["run"]}},
        }
    )
    prepared = NodeImages(store).prepare("app:1", None, policy="auto", nodes=[here], elsewhere=())
    assert (prepared.engine_ref, prepared.info.digest) == ("app:1", "sha256:index")
    assert (prepared.config.user, prepared.config.cmd) == ("nobody", ("run",))


def test_what_one_node_lacks_goes_to_all_from_the_store(store: Store, archive: Path) -> None:
    """The same image everywhere, whatever one node happens to have by that name."""
    nodes = [node("a", app="sha256:other"), node("b")]
    name = prepare(store, nodes)
    assert name == archive.read_text()
    assert [each.containerd.imported for each in nodes] == [[archive], [archive]]


def test_a_node_that_has_it_is_left_alone(store: Store, archive: Path) -> None:
    """Importing hundreds of megabytes again for every cell would be most of the time."""
    nodes = [node("a"), node("b")]
    nodes[0].containerd.images[archive.read_text()] = "sha256:new"
    prepare(store, nodes)
    assert [each.containerd.imported for each in nodes] == [[], [archive]]


def test_many_at_once_import_once(store: Store, archive: Path) -> None:
    """Cells are prepared side by side, by several runs too."""
    here = node()
    threads = [threading.Thread(target=prepare, args=(store, [here])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert here.containerd.imported == [archive]


@pytest.mark.usefixtures("archive")
def test_an_image_that_pods_cannot_use_yet_is_waited_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pod that came too early would be refused its image, which is trouble and says nothing of the profile."""
    monkeypatch.setattr(kubernetes_images, "_NOTICE_SECONDS", 0.0)
    with pytest.raises(InfrastructureError, match="node a: its containerd does not take notice"):
        prepare(store, [node(notices=False)])


def test_nodes_elsewhere_pull_for_themselves(store: Store) -> None:
    """And a stand-in cannot be brought there: that is said, with what to do."""
    assert prepare(store, [node()], ["b"]) == "app:1"
    with pytest.raises(ImageError, match=r"a stand-in for app:1: cannot be brought into node b, .*--image"):
        prepare(store, [node()], ["b"], policy="always")


def test_a_node_is_local_when_its_machine_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two machines may each have a cluster of the same name; only one of them is meant."""
    asked = []

    def run(node: KindNode, *argv: str, **_options: object) -> bytes:
        asked.append((node.engine, node.name, argv))
        if node.name == "gone":
            raise InfrastructureError("no such container")
        return b"0123\n"

    monkeypatch.setattr(KindNode, "run", run)
    tools = Tools()
    found = kind_node.local("node", "kind://podman/c/c-worker", "0123", tools)
    assert found == KindNode("c-worker", "podman", tools)
    assert kind_node.local("node", "kind://docker/c/c-worker", "4567", tools) is None
    assert kind_node.local("node", "kind://docker/c/gone", "0123", tools) is None
    assert kind_node.local("node", "aws:///eu/i-1", "0123", tools) is None
    assert asked[0] == ("podman", "c-worker", ("cat", "/etc/machine-id"))


def test_nodes_are_gone_only_where_an_engine_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped one is still there; an engine that does not answer, or is not installed, says nothing."""
    engine = tmp_path / "bin" / "engine"
    engine.parent.mkdir()
    engine.write_text(
        '#!/bin/sh\n[ "$*" = "ps --all --format {{.Names}}" ] && printf "c-worker\\nother\\n"\n'
    )
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{engine.parent}{os.pathsep}{os.environ['PATH']}")
    assert kind_node.are_gone(["engine/a-worker", "engine/a-control-plane"])
    assert not kind_node.are_gone(["engine/a-worker", "engine/c-worker"])
    assert not kind_node.are_gone([])
    assert not kind_node.are_gone(["missing/a-worker"])
    engine.write_text("#!/bin/sh\nexit 1\n")
    assert not kind_node.are_gone(["engine/a-worker"])
