"""The agent's image holds Python and this program's files, and nothing else: what it imports must be in there."""

from __future__ import annotations

import subprocess
import sys


def test_the_agent_needs_the_standard_library_alone() -> None:
    """Every module of the room is imported where no library can be found; the image has none."""
    program = """
import importlib, pkgutil, sys
sys.path = [path for path in sys.path if "site-packages" not in path]
sys.path.insert(0, sys.argv[1])
import profile_smoke.agent as agent
for each in pkgutil.iter_modules(agent.__path__):
    importlib.import_module(f"profile_smoke.agent.{each.name}")
"""
    import profile_smoke

    source = str(profile_smoke.__file__).removesuffix("/profile_smoke/__init__.py")
    done = subprocess.run(
        [sys.executable, "-S", "-c", program, source], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
