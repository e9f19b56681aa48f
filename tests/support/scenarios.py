"""Scenarios made for one test."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from tests.support.workbench import ROOT, scenario

if TYPE_CHECKING:
    from pathlib import Path


def sleeper(folder: Path, script: str = "exec sleep 7777", ready: str = "4s") -> Path:
    """A scenario of nginx's image that never says that it is ready."""
    copy = folder / "sleeper"
    shutil.copytree(ROOT / "scenarios" / "nginx", copy)
    standin = scenario("nginx").image
    (copy / "scenario.yaml").write_text(
        f"schema: profile-smoke/scenario-v1\nname: sleeper\nsummary: never ready\nimage: {standin}\n"
        f"start:\n  entrypoint: [/bin/sh, -c]\n  args: [{json.dumps(script)}]\n"
        f"ready:\n  log: {{pattern: never}}\n  timeout: {ready}\nstop: {{signal: TERM, exit_codes: [143]}}\n"
        f"probes:\n  - name: never\n    log: {{pattern: never}}\n"
    )
    return copy
