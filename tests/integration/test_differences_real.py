"""One file, two readers: a profile in Docker's format that works on docker and not on kubernetes is told with its cause."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from profile_smoke.resources import bundled

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Cli

pytestmark = [pytest.mark.docker, pytest.mark.kubernetes]


def in_dockers_format(call: str) -> str:
    """The profile for agents, but with one call allowed by a rule of the old form, which Docker alone reads."""
    path = bundled("profiles") / "kubernetes" / "seccomp-k8s-system-profile.json"
    document: dict[str, Any] = json.loads(path.read_text())
    for rule in document["syscalls"]:
        rule["names"] = [name for name in rule["names"] if name != call]
    document["syscalls"] = [rule for rule in document["syscalls"] if rule["names"]]
    document["syscalls"].append({"name": call, "action": "SCMP_ACT_ALLOW"})
    return json.dumps(document)


def merged_from_parts(cli: Cli, report: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """The differences in what `report merge` makes of the same cells, as two jobs would have reported them."""
    paths = []
    for cell in report["cells"]:
        paths.append(folder / f"{cell['target']['name']}.json")
        paths[-1].write_text(json.dumps({**report, "cells": [cell], "differences": [], "unused": []}))
    ran = cli("report", "merge", *map(str, paths))
    assert ran.code == 0, ran.stderr
    found: list[dict[str, Any]] = json.loads(ran.stdout)["differences"]
    return found


@pytest.mark.usefixtures("no_leftovers")
def test_a_rule_that_only_docker_reads(cli: Cli, tmp_path: Path) -> None:
    """The exporter listens on docker; on kubernetes it may not, and the report says why, and shows the manifest."""
    profile = tmp_path / "mine.json"
    profile.write_text(in_dockers_format("listen"))
    ran = cli(
        *("--profile", str(profile), "--scenario", "node-exporter", "--exit-zero"),
        *("--target", "docker", "--target", "kubernetes", "--report", f"json={tmp_path / 'r.json'}"),
    )
    assert ran.code == 0, ran.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    verdicts = {cell["target"]["name"]: cell["verdict"] for cell in report["cells"]}
    assert verdicts == {"docker": "passed", "kubernetes": "blocked"}
    [difference] = report["differences"]
    assert (difference["cause"], difference["calls"]) == ("docker-only-fields", ["listen"])
    assert "kubernetes drops fields of Docker's format" in " ".join(ran.stdout.split())
    assert merged_from_parts(cli, report, tmp_path) == [difference]
    manifests = {cell["target"]["name"]: cell["manifest"] for cell in report["cells"]}
    assert manifests["docker"] == []
    assert [each["kind"] for each in manifests["kubernetes"]] == ["Pod"]
