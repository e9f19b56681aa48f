"""Drift on real containers: a baseline is kept, the workload changes, and the run says what that means."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Cli

ROOT = Path(__file__).parents[2]
_SECONDS = 120.0


@pytest.mark.parametrize(
    "target", [pytest.param("oci", marks=pytest.mark.oci), pytest.param("docker", marks=pytest.mark.docker)]
)
@pytest.mark.usefixtures("no_leftovers")
def test_an_upgrade_that_its_profile_refuses_is_seen(tmp_path: Path, cli: Cli, target: str) -> None:
    """redis with a new option sets its CPU affinity, which a profile refuses and redis bears: passed, yet not as expected.

    Under a profile that allows it the same drift only informs, and without the option there is none.
    """
    file, profile = str(tmp_path / "baseline.json"), tmp_path / "tight.json"
    selection = ("--scenario", "redis", "--target", target)
    kept = cli("baseline", "update", file, *selection, timeout=_SECONDS)
    assert kept.code == 0, kept.stderr
    assert kept.stdout.startswith(f"redis@{target}: ")

    document = json.loads(
        (ROOT / "profiles" / "kubernetes" / "seccomp-k8s-database-profile.json").read_text("utf-8")
    )
    for rule in document["syscalls"]:
        rule["names"] = [name for name in rule["names"] if name != "sched_setaffinity"]
    profile.write_text(json.dumps(document))
    changed = tmp_path / "changed" / "redis"
    shutil.copytree(ROOT / "scenarios" / "redis", changed)
    scenario = changed / "scenario.yaml"
    text = scenario.read_text("utf-8")
    scenario.write_text(text.replace("[redis-server, ", '[redis-server, --server_cpulist, "0", '), "utf-8")

    run = ("--target", target, "--baseline", file, "-f", "json")
    ran = cli("--profile", str(profile), "--scenario", str(changed), *run, timeout=_SECONDS)
    [cell] = json.loads(ran.stdout)["cells"]
    assert (ran.code, cell["verdict"]) == (1, "passed"), ran.stdout
    [new] = [call for call in cell["drift"]["new"] if call["refused"]]
    assert (new["name"], new["refused"]) == ("sched_setaffinity", "ENOSYS")
    assert "start" in new["phases"]

    ran = cli("--profile", "database", "--scenario", str(changed), *run, timeout=_SECONDS)
    [cell] = json.loads(ran.stdout)["cells"]
    assert ran.code == 0, ran.stdout
    assert "sched_setaffinity" in [call["name"] for call in cell["drift"]["new"]]

    ran = cli("--profile", "database", "--scenario", "redis", *run, timeout=_SECONDS)
    [cell] = json.loads(ran.stdout)["cells"]
    assert ran.code == 0, ran.stdout
    assert "sched_setaffinity" not in [call["name"] for call in cell["drift"]["new"]]
