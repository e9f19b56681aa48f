"""Where a profile's file is for whoever reads a report: beneath the repository, wherever that is checked out."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from profile_smoke.report.text import safe


def root() -> Path:
    """The top of the repository: what the runner of GitHub Actions says, else the current folder."""
    return Path(os.path.abspath(os.environ.get("GITHUB_WORKSPACE") or Path.cwd()))  # noqa: PTH100  see below


def relative(path: str) -> str:
    """A file's path beneath the root, with slashes; of one that lies elsewhere its whole path."""
    # By text alone: the result may come from another machine, and the path may be no path at all.
    whole = Path(os.path.abspath(safe(path)))  # noqa: PTH100
    return whole.relative_to(root()).as_posix() if whole.is_relative_to(root()) else str(whole)


def uri(path: str) -> str:
    """The same as a URI: relative, or with the scheme `file`."""
    found = relative(path)
    return f"file://{quote(found)}" if found.startswith("/") else quote(found)


def root_uri() -> str:
    """The root as a URI that others are relative to; it ends in a slash."""
    return f"file://{quote(root().as_posix()).rstrip('/')}/"
