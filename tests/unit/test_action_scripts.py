"""What the steps of the GitHub action share: becoming root, and the options of one invocation."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

COMMON = Path(__file__).parents[2] / "action" / "common.sh"


def script(text: str, folder: Path, *, user: int | None = None, **environ: str) -> str:
    """What a script says that has sourced the common part, from where every user may read it."""
    common = shutil.copy(COMMON, folder)
    done = subprocess.run(
        ["bash", "-c", f'. "$COMMON"\n{text}'],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        user=user,
        env={"PATH": f"{folder}:{os.environ['PATH']}", "COMMON": str(common), "RUNNER_TEMP": "/t", **environ},
    )
    return done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_a_run_is_roots_where_sudo_asks_nothing(tmp_path: Path) -> None:
    """With what profile-smoke, engine and cluster are found by, and nothing else of the job: no secrets."""
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == os.geteuid() and str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    sudo = tmp_path / "sudo"
    sudo.write_text('#!/bin/sh\n[ "$1" = -n ] && exit 0\necho "$@"\necho "$DOCKER_CONFIG"\n')
    sudo.chmod(0o755)
    more: dict[str, Any] = {
        "HOME": "/home/ci",
        "PROFILE_SMOKE_PROFILE": "web",
        "DOCKER_HOST": "tcp://x",
        "TOKEN": "secret",
    }
    said = script("as_root echo hello", tmp_path, user=65534, **more).splitlines()
    option, *command = said[0].split()
    kept = set(option.removeprefix("--preserve-env=").split(","))
    assert kept == {
        "PROFILE_SMOKE_PROFILE",
        "PROFILE_SMOKE_HOME",
        "DOCKER_HOST",
        "DOCKER_CONFIG",
        "KUBECONFIG",
    }
    assert command == ["echo", "hello"]
    assert said[1] == "/home/ci/.docker"
    assert script("as_root echo hello", tmp_path, **more) == "hello\n", "root needs no sudo"
    sudo.write_text("#!/bin/sh\nexit 1\n")
    assert script("as_root echo hello", tmp_path, user=65534, **more) == "hello\n", "nor is anybody asked"


@pytest.mark.parametrize(
    ("only", "shard", "words"),
    [
        ("", "", []),
        ("a/b@oci", "", ["--only", "a/b@oci"]),
        (
            " a/b@oci, c/*@docker\n\n$(id),",
            "",
            ["--only", "a/b@oci", "--only", "c/*@docker", "--only", "$(id)"],
        ),
        ("a/b@oci", "2/5", ["--only", "a/b@oci", "--shard", "2/5"]),
    ],
)
def test_lists_are_apart_by_commas_or_line_breaks(
    tmp_path: Path, only: str, shard: str, words: list[str]
) -> None:
    """As in variables; what looks like a command is a word."""
    text = 'invocation\nfor word in "${words[@]}"; do printf "%s\\n" "$word"; done'
    assert script(text, tmp_path, ONLY=only, SHARD=shard).splitlines() == words
