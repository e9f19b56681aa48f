"""What `record` writes works, here and through an engine, and what it calls required is."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.telling import told
from tests.support.workbench import JOBS, ROOT, scenario, workbench

from profile_smoke import rundir
from profile_smoke.image.store import Store
from profile_smoke.profile.compose import without
from profile_smoke.profile.document import Document, parse
from profile_smoke.run.recorder import Bench, needed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Cli

pytestmark = pytest.mark.usefixtures("no_leftovers")
# All scenarios but mongodb, of which there is no stand-in: no distribution packages it.
QUICK = ("nginx", "redis", "node-exporter")
SLOW = ("mysql", "postgresql")
SAMPLE = 5
STANDIN = ("--standin", "always")


@pytest.fixture(scope="module", params=QUICK + SLOW)
def recorded(
    request: pytest.FixtureRequest, cli: Cli, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, dict[str, Any]]:
    """A scenario, its recorded profile, and what was told of it."""
    path = tmp_path_factory.mktemp("recorded") / f"recorded-{request.param}.json"
    ran = cli(
        "record", "--scenario", request.param, "--target", "oci", *STANDIN, "-f", "json", "-o", str(path)
    )
    assert ran.code == 0, ran.stderr
    recording: dict[str, Any] = json.loads(ran.stdout)
    return request.param, path, recording


def verdict(cli: Cli, name: str, path: Path, target: str) -> str:
    """What the kernel says of a scenario under a profile: `passed`, or all that is known of why not."""
    ran = cli(
        "--profile", str(path), "--scenario", name, "--target", target, "--no-observe", *STANDIN, "-f", "json"
    )
    assert ran.stdout, ran.stderr
    [cell] = json.loads(ran.stdout)["cells"]
    found: str = cell["verdict"]
    return found if found == "passed" else told([cell])


@pytest.mark.oci
def test_a_recorded_profile_passes_where_it_was_recorded(
    cli: Cli, recorded: tuple[str, Path, dict[str, Any]]
) -> None:
    """And says that it was verified with and without no_new_privs, and which probes ran."""
    name, path, recording = recorded
    assert verdict(cli, name, path, "oci") == "passed"
    assert {each["no_new_privileges"] for each in recording["verified"]} == {False, True}
    assert recording["recordings"][0]["probes"]
    assert not set(recording["observed"]) & set(recording["generalised"])
    allowed = {
        each
        for rule in json.loads(path.read_text())["syscalls"]
        if rule["action"] == "SCMP_ACT_ALLOW"
        for each in rule["names"]
    }
    assert allowed == {*recording["observed"], *recording["generalised"]}
    assert "ptrace" not in allowed


@pytest.mark.oci
@pytest.mark.docker
def test_a_recorded_profile_passes_through_an_engine(
    cli: Cli, recorded: tuple[str, Path, dict[str, Any]]
) -> None:
    """Whose runtime and network are others."""
    name, path, _ = recorded
    assert verdict(cli, name, path, "docker") == "passed"


@pytest.mark.oci
@pytest.mark.parametrize("name", QUICK)
def test_without_a_required_call_it_fails(cli: Cli, tmp_path: Path, name: str) -> None:
    """Each of node-exporter's, a sample of the others': taken out of the file, and judged by launches that know nothing."""
    path = tmp_path / "proven.json"
    ran = cli(
        "record", "--scenario", name, "--target", "oci", *STANDIN, "--prove", "-f", "json", "-o", str(path)
    )
    assert ran.code == 0, ran.stderr
    required = json.loads(ran.stdout)["required"]
    assert {"execve", "openat", "mmap"} <= set(required)
    chosen = required if name == "node-exporter" else random.Random(name).sample(required, SAMPLE)  # noqa: S311
    with workbench("oci") as bench, ThreadPoolExecutor(JOBS) as pool:
        results = pool.map(lambda call: bench.enforce(name, _without(path, call)), chosen)
        assert [call for call, result in zip(chosen, results, strict=True) if result.passed] == []


@pytest.mark.oci
@pytest.mark.parametrize("recorded", SLOW, indirect=True)
def test_without_a_required_call_a_database_fails(recorded: tuple[str, Path, dict[str, Any]]) -> None:
    """Of a sample of its hundred calls: to leave out each takes minutes. What `--prove` asks is asked for these alone."""
    name, path, recording = recorded
    chosen = random.Random(name).sample(recording["observed"], 2 * SAMPLE)  # noqa: S311  as good as any
    with workbench("oci") as bench, ThreadPoolExecutor(JOBS) as pool:
        place = Bench(bench.launcher, bench.observer, bench.controls, scenario(name), JOBS, print)
        plain = bench.target.meaning(parse(path.read_text(), str(path)))
        required = sorted(needed(place, lambda call: without(plain, call), chosen))
        assert len(required) >= SAMPLE // 2
        results = pool.map(lambda call: bench.enforce(name, _without(path, call)), required)
        assert [call for call, result in zip(required, results, strict=True) if result.passed] == []


@pytest.mark.oci
def test_a_recording_and_a_profile_can_be_merged(cli: Cli, tmp_path: Path) -> None:
    """One profile for two workloads, of which only one is launched now."""
    first, about = tmp_path / "first.json", tmp_path / "told.json"
    ran = cli("record", "--scenario", "redis", "--target", "oci", *STANDIN, "-f", "json", "-o", str(first))
    about.write_text(ran.stdout)
    both = tmp_path / "both.json"
    merged = ("--merge", str(about), "--merge", str(first))
    ran = cli("record", "--scenario", "node-exporter", "--target", "oci", *STANDIN, *merged, "-o", str(both))
    assert ran.code == 0, ran.stderr
    assert [verdict(cli, name, both, "oci") for name in ("redis", "node-exporter")] == ["passed", "passed"]


@pytest.mark.oci
def test_several_workloads_are_recorded_side_by_side(cli: Cli, tmp_path: Path) -> None:
    """One profile for them, verified with each; none takes another's container for its own."""
    both = tmp_path / "both.json"
    scenarios = ("--scenario", "redis", "--scenario", "node-exporter", "--scenario", "nginx")
    ran = cli("record", *scenarios, "--target", "oci", *STANDIN, "--jobs", "3", "-f", "json", "-o", str(both))
    assert ran.code == 0, ran.stderr
    recording = json.loads(ran.stdout)
    assert [each["scenario"] for each in recording["recordings"]] == ["redis", "node-exporter", "nginx"]
    assert len(recording["verified"]) == 6
    assert [verdict(cli, name, both, "oci") for name in ("redis", "nginx")] == ["passed", "passed"]


@pytest.mark.oci
def test_an_image_without_a_scenario_is_recorded(cli: Cli, tmp_path: Path) -> None:
    """All that is needed is said on the command line; a Go program that exits with 2 at SIGTERM is no failure."""
    own = scenario("node-exporter")
    image = Store(rundir.home()).obtain(own.image, own.standin, policy="always")
    path = tmp_path / "exporter.json"
    ran = cli(
        "record", "--image", image.source, "--ready", "http:9100/", "--probe", "http:9100/metrics",
        "--probe", "log:Listening on", "--target", "oci", "--runs", "2", "-f", "json", "-o", str(path),
    )  # fmt: skip
    assert ran.code == 0, ran.stderr
    recording = json.loads(ran.stdout)
    [only] = recording["recordings"]
    assert (only["probes"], only["launches"]) == (["probe-1", "probe-2"], 2)
    assert {each["no_new_privileges"] for each in recording["verified"]} == {False, True}
    assert {call["launches"] for call in only["calls"]} <= {1, 2}


@pytest.mark.oci
def test_an_image_that_does_not_work_is_not_recorded(cli: Cli, tmp_path: Path) -> None:
    """Exit 4, the cause in one line, no file."""
    path = tmp_path / "none.json"
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "scenario.yaml").write_text(
        "schema: profile-smoke/scenario-v1\nname: broken\nsummary: never ready\nimage: nginx:1.21\n"
        "ready:\n  log: {pattern: never said}\n  timeout: 1s\n"
        "probes:\n  - name: never\n    log: {pattern: never said}\n"
    )
    (folder / "standin.yaml").write_text(((ROOT / "scenarios") / "nginx" / "standin.yaml").read_text())
    for name in ("docker-entrypoint.sh", "nginx.conf", "index.html"):
        (folder / name).write_bytes(((ROOT / "scenarios") / "nginx" / name).read_bytes())
        (folder / name).chmod(0o755)
    ran = cli("record", "--scenario", str(folder), "--target", "oci", *STANDIN, "-q", "-o", str(path))
    assert ran.code == 4
    assert "does not work under the default profile either" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not path.exists()


def _without(path: Path, call: str) -> Document:
    """A profile but for a call."""
    document = json.loads(path.read_text())
    for rule in document["syscalls"]:
        if rule["action"] == "SCMP_ACT_ALLOW":
            rule["names"] = [name for name in rule["names"] if name != call]
    document["syscalls"] = [rule for rule in document["syscalls"] if rule["names"]]
    return parse(json.dumps(document), f"without {call}")
