"""From a cell's result to what pytest knows: passed, failed, error, skipped, expected to fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from profile_smoke.model import Expected, Verdict
from profile_smoke.report import brief, story
from profile_smoke.report.text import Style, safe

if TYPE_CHECKING:
    from profile_smoke.model import CellResult


class NotJudgedError(Exception):
    """The cell came to no verdict: nothing is said about the profile."""


class UnexpectedError(AssertionError):
    """The verdict is not the expected one; the message is the cell's story."""


def in_words(error: Exception) -> str:
    """What is told of an error: a story as it is, a line made safe."""
    return str(error) if isinstance(error, NotJudgedError) else safe(str(error))


def known(result: CellResult) -> None:
    """Raise for a cell that could not be judged, where a test that is set up raises: pytest calls that an error.

    One that only informs is skipped then, as is one that the run skipped.
    """
    if result.verdict is Verdict.SKIPPED:
        pytest.skip(safe(result.reason))
    if result.verdict is Verdict.ERROR:
        if result.expected is Expected.ANY:
            pytest.skip(f"only informs, and could not be judged: {safe(result.reason)}")
        raise NotJudgedError(story.tell(result, Style()))


def expected(result: CellResult) -> None:
    """Raise for a definite verdict that is not the expected one; one that only informs never fails."""
    __tracebackhide__ = True
    if result.unexpected:
        if result.verdict is Verdict.PASSED:
            raise UnexpectedError(f"{result.id}: passed, though the profile should block it")
        raise UnexpectedError(story.tell(result, Style()))
    if result.verdict is Verdict.BLOCKED and result.expected is Expected.ANY:
        pytest.xfail(f"only informs: {safe(brief.why(result))}")


def properties(result: CellResult) -> list[tuple[str, object]]:
    """What other plugins and JUnit files are told of a cell."""
    return [
        ("profile_smoke_cell", result.id),
        ("profile_smoke_verdict", result.verdict.value),
        ("profile_smoke_blocking", ",".join(result.blocking)),
    ]
