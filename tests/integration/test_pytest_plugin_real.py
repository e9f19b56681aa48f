"""The plugin on real containers: cells from files, and a probe in Python whose blame is proven like any other's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.oci, pytest.mark.usefixtures("no_leftovers")]

PROBES = """
import pytest

pytestmark = pytest.mark.profile_smoke(scenario="./scenarios/redis")


def test_a_key_is_kept(launch):
    def probe(redis):
        with redis.connect(6379, timeout=5) as connection:
            connection.sendall(b"SET berth 7\\r\\nGET berth\\r\\n")
            answer = b""
            while not answer.endswith(b"7\\r\\n"):
                more = connection.recv(100)
                assert more, answer
                answer += more

    assert launch(probe).verdict == "passed"


def test_a_link_is_made(launch):
    def probe(redis):
        made = redis.exec(["/bin/sh", "-c", "touch /data/a && ln -f /data/a /data/b"], timeout=5)
        assert made.exit_code == 0, made.output

    launch(probe)
"""


def test_a_cell_and_probes_on_runc(tmp_path: Path) -> None:
    """The profile suits redis and its probes, not one that makes a link: the story names that call, and its fix."""
    profile = json.loads((ROOT / "profiles/kubernetes/seccomp-k8s-database-profile.json").read_text())
    for rule in profile["syscalls"]:
        rule["names"] = [name for name in rule["names"] if name not in ("link", "linkat")]
    (tmp_path / "unlinked.json").write_text(json.dumps(profile))
    shutil.copytree(ROOT / "scenarios/redis", tmp_path / "scenarios/redis")
    (tmp_path / "test_redis.py").write_text(PROBES)
    command = [
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir=.", "-c", os.devnull),
        *("--profile-smoke", "--profile-smoke-profile=./unlinked.json", "--profile-smoke-target=oci"),
        *("scenarios", "test_redis.py"),
    ]
    # As a run of its own: what this one was told (-v, say) changes what is printed.
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    done = subprocess.run(
        command, check=False, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=600
    )
    assert "1 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    assert "scenarios/redis/scenario.yaml ." in done.stdout
    assert "unlinked/redis@oci: BLOCKED, though it should pass" in done.stdout
    assert "The call that blocks it: linkat" in done.stdout
    assert "probe:test_a_link_is_made" in done.stdout
    assert '"names": ["linkat"]' in done.stdout
