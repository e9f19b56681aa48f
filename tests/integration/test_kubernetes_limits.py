"""What the cluster leaves to a run: how many pods at a time, and what there is where nobody reaches its nodes."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support import cluster, targets
from tests.support.workbench import allowing, scenario

from profile_smoke import rundir
from profile_smoke.errors import InfrastructureError, InstrumentError
from profile_smoke.image.store import Store
from profile_smoke.model import LaunchKind
from profile_smoke.run.launch import Launcher
from profile_smoke.run.limits import full_limits
from profile_smoke.run.order import Order, Result
from profile_smoke.run.slots import Slots
from profile_smoke.syscall import tables
from profile_smoke.target.kubernetes import KubernetesTarget
from profile_smoke.target.kubernetes_nodes import NoAccess

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.kubernetes, pytest.mark.usefixtures("no_leftovers")]
_SECONDS = 120.0


@contextmanager
def target(place: str | None = None) -> Iterator[tuple[KubernetesTarget, rundir.RunDir]]:
    with rundir.open_run(rundir.new_run_id()) as run:
        found = KubernetesTarget(
            run, Store(rundir.home(), lambda _line: None), context=targets.context(), namespace=place
        )
        try:
            yield found, run
        finally:
            found.finish()


def allocatable() -> int:
    """Processors of all nodes, as kubectl shows them: those of the tests' nodes are whole ones."""
    path = "jsonpath={.items[*].status.allocatable.cpu}"
    return sum(map(int, cluster.kubectl("get", "nodes", "-o", path).split()))


def test_jobs_are_one_for_each_processor_that_the_nodes_have() -> None:
    """Nodes of another host have their own; those of this one share its processors, however many nodes there are."""
    for node in cluster.kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}").split():
        cluster.takes_pods_again(node)  # on a busy machine a kubelet may be missed for a moment
    with target() as (found, _):
        assert found.jobs() == os.cpu_count()
    with target() as (found, _):
        found.__dict__["_kind_nodes"] = {}  # as if they were another host's
        assert found.jobs() == allocatable()


def test_jobs_are_no_more_than_a_quota_leaves() -> None:
    """Told by the API server, as soon as it has counted."""
    with cluster.namespace(cluster.quota(pods="1")) as place:
        deadline = time.monotonic() + _SECONDS
        while not cluster.kubectl(
            "get", "resourcequota", "few", "-n", place, "-o", "jsonpath={.status.hard}"
        ):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        with target(place) as (found, _):
            found.__dict__["_kind_nodes"] = {}
            assert found.jobs() == 1 < allocatable()


def stopped_by_its_kubelet(launcher: Launcher, order: Order) -> Result:
    """A launch; once more where the kubelet has lost how the pod ended, as those of 1.20 do at times, and told so."""
    try:
        return launcher.launch(order, launcher.new_id())
    except InfrastructureError as error:
        if "ContainerStatusUnknown" not in str(error):
            raise
        return launcher.launch(order, launcher.new_id())


def test_where_nobody_reaches_the_nodes_the_default_profile_runs_and_stops() -> None:
    """By deleting the pod, for a signal cannot be sent: in order, with its last words. A profile is an error, no verdict."""
    nginx = scenario("nginx")
    page = [each for each in nginx.probes if each.name == "page"]
    nginx = replace(nginx, probes=tuple(page))
    with cluster.namespace() as place, target(place) as (found, run):
        found.check()
        image = found.prepare(nginx.image, nginx.standin, policy="always")
        found.__dict__["access"] = NoAccess("this test has hidden it")
        launcher = Launcher(
            found, run_id=run.run_id, stop=threading.Event(), slots=Slots(1), keep_failed=False
        )
        order = Order(nginx, image, LaunchKind.CONTROL, None, None, full_limits(nginx))
        result = stopped_by_its_kubelet(launcher, order)
        assert result.passed, result.launch.reason
        assert "cannot be read" in result.filter.note
        assert any("GET /" in line for line in result.log), result.log
        with pytest.raises(InstrumentError, match="cannot be put on the nodes: this test has hidden it"):
            launcher.launch(
                replace(order, kind=LaunchKind.ENFORCE, seccomp=allowing(tables.all_names()).raw),
                launcher.new_id(),
            )
        assert json.loads(cluster.kubectl("get", "pods", "-n", place, "-o", "json"))["items"] == []
