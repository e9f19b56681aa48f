"""A gate over a real run: what it lets pass, what it does not, and that a stored result is judged alike."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Cli

pytestmark = [pytest.mark.oci, pytest.mark.usefixtures("no_leftovers")]

SETTINGS = """\
profile = ["webapp", "minimal"]
scenario = ["nginx"]
target = ["oci"]

[expect]
"minimal/nginx" = "passed"

[gate]
fail-on = ["blocked", "dangerous"]
{limit}

[[waivers]]
profile = "minimal"
rule = "blocked"
reason = "it blocks everything by design"
expires = {expires}
"""


@pytest.mark.parametrize(
    ("limit", "expires", "failing"),
    [
        ('min-score = "C"', "2999-12-31", set()),
        ('min-score = "C"', "2000-01-01", {"blocked", "expired-waiver"}),
        ("max-unused = 5", "2999-12-31", {"unused"}),
    ],
)
def test_a_gate_over_a_real_run(
    cli: Cli, tmp_path: Path, limit: str, expires: str, failing: set[str]
) -> None:
    """A waived block passes until its day; a limit has what it needs measured without being told."""
    code = 1 if failing else 0
    settings = tmp_path / "profile-smoke.toml"
    settings.write_text(SETTINGS.format(limit=limit, expires=expires))
    result = tmp_path / "result.json"
    ran = cli("--config", str(settings), "--max-launches", "3", "--report", f"json={result}")
    assert ran.code == code, ran.stdout + ran.stderr
    document = json.loads(result.read_text())
    found = {each["rule"] for each in document["gate"]["findings"] if each["waiver"] is None}
    assert found == failing
    scored = {each["score"] is not None for each in document["cells"]}
    assert scored == {"score" in limit}
    again = cli("gate", str(result), "--config", str(settings), "-f", "json")
    assert again.code == code
    assert json.loads(again.stdout)["gate"] == document["gate"]
