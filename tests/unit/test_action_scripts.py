"""What the action's scripts do where the runner's user is not root: real bash, and stand-ins for `id` and `sudo`."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

ACTION = Path(__file__).parents[2] / "action"


def as_root(tmp_path: Path, environ: dict[str, str], *, sudo: bool = True) -> list[str]:
    """The words of the command that `as_root` runs, the first of them sudo's list of kept variables."""
    tools = {
        "id": "echo 1001",
        "sudo": f'if [ "$1" = -n ]; then exit {0 if sudo else 1}; fi; printf "%s\\n" "$@" "kubeconfig $KUBECONFIG"',
    }
    for name, body in tools.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    script = f". {shlex.quote(str(ACTION / 'common.sh'))}; as_root echo 'two words'"
    base = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "HOME": "/home/runner",
        "RUNNER_TEMP": "/t",
    }
    done = subprocess.run(
        ["bash", "-c", script], check=True, capture_output=True, text=True, env={**base, **environ}
    )
    return done.stdout.splitlines()


def test_root_gets_what_engine_cluster_and_settings_are_found_by(tmp_path: Path) -> None:
    """And nothing else of the job's environment, which may hold secrets."""
    kept = [
        "PROFILE_SMOKE_JOBS",
        "DOCKER_HOST",
        "HTTPS_PROXY",
        "no_proxy",
        "GITHUB_WORKSPACE",
        "REGISTRY_AUTH_FILE",
    ]
    secret = ["TOKEN", "XDOCKER_HOST", "CI_TOKEN", "LD_PRELOAD_", "GITHUB_WORKSPACE_2"]
    words = as_root(tmp_path, dict.fromkeys((*kept, *secret), "x"))
    option, names = words[0].split("=")
    assert option == "--preserve-env"
    assert set(names.split(",")) == {*kept, "PROFILE_SMOKE_HOME", "DOCKER_CONFIG", "KUBECONFIG"}
    assert words[1:] == ["echo", "two words", "kubeconfig /home/runner/.kube/config"]


def test_without_a_sudo_that_asks_nothing_it_is_the_users_own(tmp_path: Path) -> None:
    """Verdicts are the same; a question for a password would wait for ever."""
    assert as_root(tmp_path, {}, sudo=False) == ["two words"]


@pytest.mark.parametrize("script", sorted(ACTION.glob("*.sh")), ids=lambda path: path.name)
def test_a_script_that_a_step_runs_can_be_run(script: Path) -> None:
    """Those are what `run` names; the others are sourced."""
    named = f"/action/{script.name}" in (ACTION.parent / "action.yml").read_text("utf-8")
    assert os.access(script, os.X_OK) is named
