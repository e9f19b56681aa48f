"""Which cells there are: complete, in order, chosen by id or glob, split without loss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_smoke.errors import NothingSelectedError, UsageError
from profile_smoke.model import Expected
from profile_smoke.profile.catalog import NamedProfile
from profile_smoke.run.plan import Cell, matrix
from profile_smoke.scenario.model import LogCheck, Ready, Scenario, Start, Stop

PROFILES = [NamedProfile(name, None, None) for name in ("database", "webapp", "minimal")]
TARGETS = ["oci", "docker"]


def scenario(name: str) -> Scenario:
    return Scenario(
        name, "", "image", Start(), Ready(LogCheck("x")), (), Stop(), {"webapp": Expected.PASSED}, Path(name)
    )


SCENARIOS = [scenario("nginx"), scenario("mysql")]


def ids(cells: list[Cell]) -> list[str]:
    return [cell.id for cell in cells]


def test_every_profile_meets_every_scenario_on_every_target() -> None:
    """Twelve cells; those that share a control stand together."""
    cells = matrix(PROFILES, SCENARIOS, TARGETS)
    assert len(set(ids(cells))) == 12
    assert ids(cells)[:4] == [
        "database/nginx@oci", "webapp/nginx@oci", "minimal/nginx@oci", "database/mysql@oci",
    ]  # fmt: skip


def test_expectation_is_what_the_scenario_says_of_the_profile() -> None:
    """What it does not mention informs only."""
    found = {cell.profile.name: cell.expected for cell in matrix(PROFILES, SCENARIOS[:1], ["oci"])}
    assert found == {"database": Expected.ANY, "webapp": Expected.PASSED, "minimal": Expected.ANY}


@pytest.mark.parametrize(
    ("own", "settings", "suffixes"),
    [
        (False, (), [""]),
        (False, (False,), [""]),
        (False, (True,), ["+no-new-privs"]),
        (False, (False, True), ["", "+no-new-privs"]),
        (True, (), [""]),
        (True, (False,), ["+new-privs"]),
        (True, (False, True), ["", "+new-privs"]),
    ],
)
def test_the_scenarios_own_setting_keeps_its_id(
    own: bool,  # noqa: FBT001
    settings: tuple[bool, ...],
    suffixes: list[str],
) -> None:
    """The other one is told by the end of the id, whichever of the two the scenario chose; its own comes first."""
    chosen = replace(scenario("nginx"), start=Start(no_new_privileges=own))
    cells = matrix(PROFILES[:1], [chosen], ["oci"], no_new_privileges=settings)
    assert ids(cells) == [f"database/nginx@oci{suffix}" for suffix in suffixes]
    assert [cell.scenario.start.no_new_privileges for cell in cells] == (
        sorted(settings, key=lambda setting: setting is not own) or [own]
    )


def test_both_settings_double_the_matrix() -> None:
    """Every cell once with each, ids still unique, and a glob takes those of one setting."""
    cells = matrix(PROFILES, SCENARIOS, TARGETS, no_new_privileges=(False, True))
    assert len(set(ids(cells))) == 24
    chosen = matrix(PROFILES, SCENARIOS, TARGETS, no_new_privileges=(False, True), only=["*+no-new-privs"])
    assert all(cell.scenario.start.no_new_privileges for cell in chosen)
    assert len(chosen) == 12


@pytest.mark.parametrize(
    ("patterns", "count"),
    [
        (["webapp/nginx@oci"], 1),
        (["*/mysql@*"], 6),
        (["*@docker", "webapp/*"], 8),
        (["minimal/[mn]*@oci"], 2),
    ],
)
def test_only_takes_ids_and_globs(patterns: list[str], count: int) -> None:
    """Each cell once, in the plan's order, whatever the order of the patterns."""
    found = ids(matrix(PROFILES, SCENARIOS, TARGETS, only=patterns))
    assert len(found) == count
    assert found == [each for each in ids(matrix(PROFILES, SCENARIOS, TARGETS)) if each in found]


def test_an_id_that_does_not_exist_is_a_mistake_that_names_the_nearest() -> None:
    """Even when another pattern matches: a gate must not shrink unseen."""
    with pytest.raises(UsageError, match="no such cell; nearest: webapp/nginx@oci"):
        matrix(PROFILES, SCENARIOS, TARGETS, only=["*", "webap/nginx@oci"])


@given(st.integers(1, 20))
def test_shards_are_the_matrix_cut_into_parts(count: int) -> None:
    """Together they hold every cell once, and their sizes differ by one at most; an empty one is an error."""
    whole = ids(matrix(PROFILES, SCENARIOS, TARGETS))
    parts = []
    for index in range(1, count + 1):
        try:
            parts.append(ids(matrix(PROFILES, SCENARIOS, TARGETS, shard=(index, count))))
        except NothingSelectedError:
            parts.append([])
    assert sorted(each for part in parts for each in part) == sorted(whole)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_shard_is_cut_from_what_only_selects() -> None:
    """Six cells in two parts of three."""
    assert len(matrix(PROFILES, SCENARIOS, TARGETS, only=["*@oci"], shard=(2, 2))) == 3


def test_nothing_selected_is_an_error() -> None:
    """A gate never passes on nothing."""
    with pytest.raises(NothingSelectedError):
        matrix([], SCENARIOS, TARGETS)
