"""With and without no_new_privs, on real containers: the shipped profiles serve both."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.support.telling import told

if TYPE_CHECKING:
    from tests.conftest import Cli

PAIRS = (
    ("database", "mysql"),
    ("database", "postgresql"),
    ("database", "redis"),
    ("kube-proxy", "redis"),
    ("kubelet", "redis"),
    ("system", "node-exporter"),
    ("webapp", "nginx"),
)
"""Every shipped profile with the workloads that it is meant for; those without any with one that it bears."""
_SECONDS = 300.0


@pytest.mark.parametrize(
    "target", [pytest.param("oci", marks=pytest.mark.oci), pytest.param("docker", marks=pytest.mark.docker)]
)
@pytest.mark.usefixtures("no_leftovers")
def test_the_shipped_profiles_pass_with_and_without_privilege_escalation(target: str, cli: Cli) -> None:
    """And each launch was checked to have the setting that it is told with: otherwise the cell were an error."""
    chosen = [word for profile, scenario in PAIRS for word in ("--only", f"{profile}/{scenario}@{target}*")]
    ran = cli(
        *chosen, "--target", target, "--privilege-escalation", "both", "--no-observe", "-f", "json",
        timeout=_SECONDS,
    )  # fmt: skip
    assert ran.stdout, ran.stderr
    cells = json.loads(ran.stdout)["cells"]
    found = {
        (cell["profile"]["name"], cell["scenario"], cell["no_new_privileges"]): cell["verdict"]
        for cell in cells
    }
    assert found == {(*pair, setting): "passed" for pair in PAIRS for setting in (False, True)}, told(cells)
    assert ran.code == 0, ran.stderr
