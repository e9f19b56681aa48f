"""Shards made one: nothing is lost, nothing counted twice, and what is missing is said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.report.cells import cell, run

from profile_smoke.cli.exit_code import exit_code
from profile_smoke.errors import BadFileError
from profile_smoke.model import Selection
from profile_smoke.report.merge import merge

if TYPE_CHECKING:
    from profile_smoke.model import RunReport


def part(name: str, shard: str = "", **changes: object) -> tuple[str, RunReport]:
    """A file with one cell."""
    report = replace(run(cell(name=name)), run=f"r-{name}", shard=shard)
    return f"{name}.json", replace(report, **changes)  # type: ignore[arg-type]


def test_all_cells_come_together() -> None:
    """In the order of the files, from the first start to the last end."""
    merged = merge(
        [
            part("b", started="2026-01-01T10:00:00Z", seconds=60.0),
            part("a", started="2026-01-01T09:59:00Z", seconds=30.0, notes=("x",)),
        ]
    )
    assert [each.profile.name for each in merged.cells] == ["b", "a"]
    assert (merged.started, merged.seconds) == ("2026-01-01T09:59:00Z", 120.0)
    assert (merged.run, merged.version, merged.notes, merged.failure) == ("r-b+r-a", "0", ("x",), "")


@pytest.mark.parametrize("order", [1, -1])
def test_a_cell_that_is_there_twice_is_refused(order: int) -> None:
    """With both files and the place."""
    parts = [part("a"), ("other.json", part("a")[1])][::order]
    with pytest.raises(BadFileError) as caught:
        merge(parts)
    assert str(caught.value) == (
        f"{parts[1][0]}: cells[0].id: a/nginx@oci is in {parts[0][0]} too; a cell counts once, "
        "so leave one of the files out"
    )


def test_what_was_selected_is_kept_where_all_parts_were_told_the_same() -> None:
    """The parts of a shard are of one selection; jobs of a matrix are of as many, and together they are the whole."""
    chosen = Selection(profile=("a", "b"))
    parts = [part("a", "1/2", selection=chosen), part("b", "2/2", selection=chosen)]
    assert merge(parts).selection == chosen
    assert (
        merge([parts[0], part("b", "2/2", selection=Selection(only=("b/nginx@oci",)))]).selection
        == Selection()
    )


def test_a_part_that_is_missing_makes_a_result_that_failed() -> None:
    """A gate must not pass on two thirds; with all parts there is nothing to say, and the result is a whole one."""
    merged = merge([part("a", "1/3"), part("b", "3/3")])
    assert merged.failure == "of 3 parts these are missing: 2"
    assert exit_code(merged, exit_zero=False) == 4
    whole = merge([part("a", "1/3"), part("b", "3/3"), part("c", "2/3")])
    assert (whole.failure, whole.shard, exit_code(whole, exit_zero=False)) == ("", "", 0)


def test_very_many_missing_parts_take_no_time() -> None:
    """A stored result may say any number."""
    assert merge([part("a", "7/999999999")]).failure.endswith(": 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, ...")


def test_what_befell_a_part_befell_the_whole() -> None:
    """Interrupts and failures, each once."""
    merged = merge([part("a", interrupted=True), part("b", failure="why"), part("c", failure="why")])
    assert (merged.interrupted, merged.failure) == (True, "why")


def test_parts_of_several_versions_are_noted() -> None:
    """As are profiles that were not the same file."""
    other = replace(cell(name="a"), id="a/redis@oci")
    other = replace(other, profile=replace(other.profile, sha256="11"))
    merged = merge([part("a"), part("b", version="1", cells=(other,))])
    assert merged.version == "0+1"
    assert merged.notes == (
        "made by several versions of profile-smoke (0: a.json; 1: b.json)",
        "the profile a was not the same file everywhere",
    )


def test_a_start_that_is_no_time_does_not_matter() -> None:
    """Durations are added up then."""
    merged = merge([part("a", started="yesterday", seconds=1.0), part("b", seconds=2.0)])
    assert (merged.started, merged.seconds) == ("yesterday", 3.0)
