"""The default profile of target `oci`: runc has none, so this project's own stands in for it.

It is modelled on Docker's default: what that one refuses, it refuses.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke.profile.document import parse

if TYPE_CHECKING:
    from profile_smoke.profile.document import Document

SOURCE = "the default profile of target oci, modelled on Docker's"
_FILE = Path(__file__).with_name("data") / "oci-default.json"


def document() -> Document:
    """The profile, in Docker's format."""
    return parse(_FILE.read_text("utf-8"), SOURCE)
