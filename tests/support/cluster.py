"""A real cluster for tests that break something in it: namespaces of their own, users with few rights, a way that is cut."""

from __future__ import annotations

import base64
import json
import os
import secrets
import select
import socket
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlparse

import yaml
from tests.support import targets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TAINTED_SECONDS = 180.0


def kubectl(*words: str, stdin: Any = None, check: bool = True) -> str:
    """A command on the cluster of the tests; what it wrote to stdout."""
    context = targets.context()
    done = subprocess.run(
        ["kubectl", *(["--context", context] if context else []), *words],
        check=False,
        capture_output=True,
        text=True,
        input=json.dumps(stdin) if stdin is not None else None,
        timeout=120,
    )
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout


@contextmanager
def namespace(*documents: dict[str, Any]) -> Iterator[str]:
    """A namespace of its own with these things in it."""
    name = f"smoke-test-{secrets.token_hex(4)}"
    kubectl("create", "namespace", name)
    try:
        # Pods need the account, which is made a moment later.
        kubectl(
            "wait",
            "--for=jsonpath={.metadata.name}=default",
            "serviceaccount/default",
            "-n",
            name,
            check=False,
        )
        for document in documents:
            kubectl("apply", "-n", name, "-f", "-", stdin=document)
        yield name
    finally:
        kubectl(
            "delete", "namespace", name, "--wait=false"
        )  # empty by now, it takes the API server five seconds


def takes_pods_again(node: str) -> None:
    """Wait until the API server has heard of a node again, and has lifted the taints of its absence."""
    kubectl("wait", "--for=condition=Ready", f"node/{node}", "--timeout=100s")
    deadline = time.monotonic() + _TAINTED_SECONDS
    while "node.kubernetes.io/" in kubectl("get", "node", node, "-o", "jsonpath={.spec.taints[*].key}"):
        assert time.monotonic() < deadline, f"node {node} stays tainted"
        time.sleep(0.2)


def evict(place: str, pod: str) -> None:
    """By the Eviction API, in the version that the server has."""
    for version in ("policy/v1", "policy/v1beta1"):
        body = {"apiVersion": version, "kind": "Eviction", "metadata": {"name": pod, "namespace": place}}
        path = f"/api/v1/namespaces/{place}/pods/{pod}/eviction"
        if kubectl("create", "--raw", path, "-f", "-", stdin=body, check=False):
            return
    raise AssertionError(f"{pod} was not evicted")


def _document(version: str, kind: str, **content: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "few"}, **content}


def quota(**hard: str) -> dict[str, Any]:
    """A ResourceQuota named `few`."""
    return _document("v1", "ResourceQuota", spec={"hard": hard})


def limits(**limit: Any) -> dict[str, Any]:
    """A LimitRange, for containers unless it says otherwise."""
    return _document("v1", "LimitRange", spec={"limits": [{"type": "Container", **limit}]})


def account(*rules: dict[str, Any]) -> list[dict[str, Any]]:
    """A service account named `few` that may do this much in its namespace."""
    return [
        _document("v1", "ServiceAccount"),
        _document("rbac.authorization.k8s.io/v1", "Role", rules=list(rules)),
        _document(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "few"},
            subjects=[{"kind": "ServiceAccount", "name": "few"}],
        ),
    ]


@contextmanager
def cluster_role(place: str, *rules: dict[str, Any]) -> Iterator[None]:
    """The account `few` of a namespace may do this much in the whole cluster, within."""
    version, subject = (
        "rbac.authorization.k8s.io/v1",
        {"kind": "ServiceAccount", "name": "few", "namespace": place},
    )
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": place}
    named = {"apiVersion": version, "metadata": {"name": place}}
    kubectl("apply", "-f", "-", stdin={**named, "kind": "ClusterRole", "rules": list(rules)})
    try:
        binding = {**named, "kind": "ClusterRoleBinding", "roleRef": role, "subjects": [subject]}
        kubectl("apply", "-f", "-", stdin=binding)
        yield
    finally:
        kubectl("delete", "clusterrole,clusterrolebinding", place, "--ignore-not-found")


def kubeconfig(path: Path, *, server: str | None = None, token: str | None = None) -> Path:
    """A kubeconfig of the tests' context alone: with another address, or as somebody else."""
    document = yaml.safe_load(kubectl("config", "view", "--minify", "--flatten", "-o", "yaml"))
    if server is not None:
        document["clusters"][0]["cluster"]["server"] = server
    if token is not None:
        document["users"][0]["user"] = {"token": token}
    path.write_text(yaml.safe_dump(document))
    return path


def token(place: str) -> str:
    """Of the account `few`: its secret where servers still make one, else a fresh one."""
    found = json.loads(kubectl("get", "serviceaccount", "few", "-n", place, "-o", "json"))
    for secret in found.get("secrets") or ():
        data = json.loads(kubectl("get", "secret", secret["name"], "-n", place, "-o", "json"))["data"]
        return base64.b64decode(data["token"]).decode()
    return kubectl("create", "token", "few", "-n", place).strip()


class Door:
    """A TCP proxy in front of the API server, that can be shut. A context manager."""

    def __init__(self) -> None:
        document = yaml.safe_load(kubectl("config", "view", "--minify", "-o", "yaml"))
        address = urlparse(document["clusters"][0]["cluster"]["server"])
        self._behind = (address.hostname or "", address.port or 443)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.shut = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def server(self) -> str:
        """The address for a kubeconfig."""
        return f"https://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.slam()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def slam(self) -> None:
        """Cut what is open, and let nobody in any more."""
        self.shut.set()
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while True:
            try:
                ours, _ = self._listening.accept()
            except OSError:
                return
            if self.shut.is_set():
                ours.close()
                continue
            theirs = socket.create_connection(self._behind)
            self._open += [ours, theirs]
            threading.Thread(target=_carry, args=(ours, theirs), daemon=True).start()


def _carry(one: socket.socket, other: socket.socket) -> None:
    with one, other, suppress(OSError):
        ways = {one: other, other: one}
        while True:
            for source in select.select(list(ways), [], [])[0]:
                data = source.recv(1 << 16)
                if not data:
                    return
                ways[source].sendall(data)


def environment(path: Path) -> dict[str, str]:
    """The environment of a command that uses this kubeconfig."""
    return {**os.environ, "KUBECONFIG": str(path), "PROFILE_SMOKE_CONTEXT": ""}
