"""The real command, one cell, on each real target: from start to exit code, with nothing left behind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.support.telling import told

if TYPE_CHECKING:
    from tests.conftest import Cli


@pytest.mark.parametrize(
    "target",
    [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("oci", "docker", "kubernetes")],
)
@pytest.mark.usefixtures("no_leftovers")
def test_a_workload_passes_under_the_default_profile(target: str, cli: Cli) -> None:
    """The control works, a filter was on, and the result is JSON on stdout."""
    ran = cli("--only", f"runtime-default/redis@{target}", "--target", target, "-f", "json")
    assert ran.stdout, ran.stderr
    [cell] = json.loads(ran.stdout)["cells"]
    assert cell["verdict"] == "passed", told([cell])
    assert cell["filter"]["mode"] == 2
    assert ran.code == 0, ran.stderr
