"""Cells that are run on a cluster by the real command, and what is said of them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from tests.support import cluster
from tests.support.telling import told

if TYPE_CHECKING:
    from tests.conftest import Ran

NGINX = ("--scenario", "nginx", "--standin", "always", "--target", "kubernetes", "-f", "json")
WEBAPP = ("--profile", "webapp", *NGINX, "--no-observe")
_PODS_SECONDS = 180.0


def cells(ran: Ran) -> list[dict[str, Any]]:
    """Those of a result on stdout."""
    assert ran.stdout, ran.stderr
    found: list[dict[str, Any]] = json.loads(ran.stdout)["cells"]
    return found


def in_error(ran: Ran, *words: str) -> list[dict[str, Any]]:
    """The one cell, an error that says this."""
    found = cells(ran)
    assert [cell["verdict"] for cell in found] == ["error"], told(found)
    assert ran.code == 4
    for word in words:
        assert word in found[0]["reason"], told(found)
    return found


def wait_for_pods(place: str, count: int = 1) -> None:
    """Until so many pods run there."""
    deadline = time.monotonic() + _PODS_SECONDS
    while time.monotonic() < deadline:
        pods = json.loads(cluster.kubectl("get", "pods", "-n", place, "-o", "json"))["items"]
        if sum(pod["status"].get("phase") == "Running" for pod in pods) >= count:
            return
        time.sleep(0.2)
    raise AssertionError("no pod came to run")


def left_in(place: str) -> list[str]:
    """What of runs is still there."""
    return cluster.kubectl(
        "get", "pods,deployments,pvc,configmaps", "-n", place, "-l", "profile-smoke.run", "-o", "name"
    ).split()
