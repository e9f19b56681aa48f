"""The project speaks of itself only: nothing in it points to where or how it happened to be written."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Written in pieces, so that this file does not hold what it looks for.
FOREIGN = {
    "a path of one machine": r"(?<![\w.)}\"'~$-])/" + "work/(main|shared)",
    "a folder beside the repository": r"\.\./" + "shared",
    "another document's folder": r"\bse" + "eds/",
    "a document that is not here": r"\bdesign" + r"\.md|seccomp-" + r"facts|sty" + r"le\.md",
    "a tracker's number": r"\bissues? " + r"#?\d",
    "a package index": r"/opt/(wheels|" + "pypi)|pypi" + r"\.org",
}
ALLOWED = {(".ci/run", "a folder beside the repository")}
"""The gate may start an engine that the machine provides."""


def tracked() -> list[str]:
    done = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_nothing_foreign_is_mentioned() -> None:
    """Each finding is told with its file and line."""
    found = []
    for name in tracked():
        try:
            text = (ROOT / name).read_text("utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            found += [
                f"{name}:{number}: {what}: {line.strip()[:100]}"
                for what, pattern in FOREIGN.items()
                if (name, what) not in ALLOWED and re.search(pattern, line)
            ]
    assert found == []


def test_what_is_looked_for_would_be_found() -> None:
    """Patterns in pieces are easily broken."""
    examples = [
        "/" + "work/main/x",
        "../" + "shared/x",
        "se" + "eds/x",
        "see design" + ".md",
        "issue" + " 12",
        "/opt/" + "wheels",
    ]
    for (what, pattern), example in zip(FOREIGN.items(), examples, strict=True):
        assert re.search(pattern, example), what
