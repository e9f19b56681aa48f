"""The cluster does not let the pod in, or not us: an error that says which policy it was, or which rights are missing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.support import admission, cluster
from tests.support.cluster_cells import WEBAPP, cells, in_error, left_in
from tests.support.telling import told
from tests.support.workbench import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Cli

pytestmark = [pytest.mark.fault, pytest.mark.kubernetes, pytest.mark.usefixtures("no_leftovers")]
SOON = 30.0
"""Half of what is waited for a pod to go."""
DOCTOR = ("doctor", "--target", "kubernetes")


def test_a_quota_that_wants_limits_is_named(cli: Cli) -> None:
    """Admission refuses the pod: which policy it was is said, and a pod that was never made is not waited for."""
    with cluster.namespace(cluster.quota(**{"limits.cpu": "8"})) as place:
        ran = cli(*WEBAPP, "--namespace", place)
        (cell,) = in_error(ran, "refused by the ResourceQuota few", "limits.cpu")
        assert cell["seconds"] < SOON


def test_a_limit_range_that_refuses_is_named(cli: Cli) -> None:
    """As a pod of its own, and as one that a controller may not make, which tells it in an event only."""
    with cluster.namespace(cluster.limits(type="Pod", max={"memory": "2Gi"})) as place:
        in_error(cli(*WEBAPP, "--namespace", place), "refused by a LimitRange", "2Gi")
        ran = cli(*WEBAPP, "--namespace", place, "--workload", "deployment")
        (cell,) = in_error(ran, "no pod is made", "2Gi")
        assert cell["seconds"] < SOON


@pytest.mark.parametrize("workload", ["pod", "deployment"])
def test_a_webhook_that_denies_is_named(cli: Cli, tmp_path: Path, workload: str) -> None:
    """With its own words; of a controller's pod they come in an event."""
    with cluster.namespace() as place, admission.refuser(place, tmp_path, answers=True):
        ran = cli(*WEBAPP, "--namespace", place, "--workload", workload)
        in_error(ran, admission.NAME, admission.WORDS)
        assert left_in(place) == []


def test_a_webhook_that_does_not_answer_is_named(cli: Cli, tmp_path: Path) -> None:
    """Its policy is to fail then: nothing comes into the namespace, and nothing is said of the profile."""
    with cluster.namespace() as place, admission.refuser(place, tmp_path, answers=False):
        ran = cli(*WEBAPP, "--namespace", place)
        in_error(ran, f"refused by the admission webhook {admission.NAME}, which does not answer")


def documented() -> list[dict[str, Any]]:
    """The roles of the documentation: in the namespace, in the cluster."""
    page = (ROOT / "docs" / "kubernetes.md").read_text("utf-8").partition("## Rights")[2]
    found = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert found is not None
    return list(yaml.safe_load_all(found[1]))


@pytest.fixture
def place() -> Iterator[str]:
    """A namespace with an account `few` that has the rights of the documentation."""
    role, nodes = documented()
    with (
        cluster.namespace(*cluster.account(*role["rules"])) as found,
        cluster.cluster_role(found, *nodes["rules"]),
    ):
        yield found


def test_the_documented_rights_are_enough(cli: Cli, tmp_path: Path, place: str) -> None:
    """A whole run with them alone; and doctor finds none that is missing."""
    env = cluster.environment(cluster.kubeconfig(tmp_path / "few", token=cluster.token(place)))
    ran = cli(*WEBAPP, "--namespace", place, env=env)
    assert [cell["verdict"] for cell in cells(ran)] == ["passed"], told(cells(ran))
    assert ran.code == 0, ran.stderr
    said = " ".join(cli(*DOCTOR, "--namespace", place, env=env).stdout.split())
    assert "permissions all that a run needs" in said, said


def test_doctor_names_the_verbs_that_are_missing(cli: Cli, tmp_path: Path, place: str) -> None:
    """For a controller it takes more: just that is named."""
    env = cluster.environment(cluster.kubeconfig(tmp_path / "few", token=cluster.token(place)))
    ran = cli(*DOCTOR, "--namespace", place, "--workload", "statefulset", env=env)
    said = " ".join(ran.stdout.split())
    verbs = ("create", "get", "watch", "delete")
    assert f"not allowed: {', '.join(f'{verb} statefulsets' for verb in verbs)};" in said, said


def test_rights_without_which_nothing_can_begin_are_all_named(cli: Cli, tmp_path: Path) -> None:
    """A user who may look but not make anything, nor see nodes: one line, by doctor and by a run."""
    look = {"apiGroups": ["", "apps"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
    with cluster.namespace(*cluster.account(look)) as place:
        env = cluster.environment(cluster.kubeconfig(tmp_path / "few", token=cluster.token(place)))
        ran, doctor = (cli(*words, "--namespace", place, env=env) for words in (WEBAPP, DOCTOR))
    assert (ran.code, doctor.code) == (4, 4)
    for said in (" ".join(text.split()) for text in (ran.stderr, doctor.stdout)):
        for right in ("create pods", "delete pods", "create pods/exec", "delete configmaps", "list nodes"):
            assert right in said
        assert "get pods" not in said.replace("get pods/", "")
        assert "Traceback" not in said
