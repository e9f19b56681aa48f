"""With and without no_new_privs, on real containers: the shipped profiles serve both."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Cli

SHIPPED = ("database", "kube-proxy", "kubelet", "system", "webapp")
TARGETS = [
    pytest.param("oci", marks=pytest.mark.oci),
    pytest.param("docker", marks=pytest.mark.docker),
]
_SECONDS = 300.0


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.usefixtures("no_leftovers")
def test_the_shipped_profiles_pass_with_and_without_privilege_escalation(target: str, cli: Cli) -> None:
    """Whatever a scenario expects of them comes true in both settings, and each launch was checked to have its own."""
    chosen = [word for name in SHIPPED for word in ("--profile", name)]
    ran = cli(
        *chosen, "--target", target, "--privilege-escalation", "both", "--no-observe", "-f", "json",
        timeout=_SECONDS,
    )  # fmt: skip
    assert ran.code == 0, ran.stderr
    cells = json.loads(ran.stdout)["cells"]
    passed = {
        (cell["profile"]["name"], cell["scenario"], cell["no_new_privileges"])
        for cell in cells
        if cell["expected"] == "passed" and cell["verdict"] == "passed"
    }
    pairs = {(profile, scenario) for profile, scenario, _ in passed}
    assert {("database", "mysql"), ("database", "postgresql"), ("webapp", "nginx")} <= pairs
    assert passed == {(*pair, setting) for pair in pairs for setting in (False, True)}
