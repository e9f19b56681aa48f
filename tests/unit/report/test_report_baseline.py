"""Kept baselines as files: small, sorted, the same for the same calls, and read as strictly as they are written."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_smoke.baseline import Baseline, Workload
from profile_smoke.errors import BadFileError
from profile_smoke.model import ImageInfo
from profile_smoke.report.baseline import dump, load, read

if TYPE_CHECKING:
    from pathlib import Path

WORKLOAD = Workload(
    scenario="redis",
    target="oci",
    no_new_privileges=False,
    arch="x86_64",
    image=ImageInfo("redis:7.0", "sha256:00"),
    versions={"kernel": "6.1"},
    probes=("ask", "durable"),
    runs=2,
    calls={"openat": ("stop", "create", "probe:durable", "probe:ask"), "x86:open": ("start",)},
    sometimes={"openat": ("start",), "mbind": ("start",)},
)
PHASES = st.sampled_from(("create", "start", "probe:ask", "probe:durable", "stop"))
CALLS = st.dictionaries(
    st.sampled_from(("openat", "read", "x86:open", "syscall_999")), st.sets(PHASES, min_size=1).map(tuple)
)


def changed(**members: Any) -> str:
    """The file of the one workload, with some members replaced."""
    document = json.loads(dump(Baseline((WORKLOAD,))))
    document["workloads"][0].update(members)
    return json.dumps(document)


def test_a_call_is_a_line_and_its_phases_come_as_in_a_launch() -> None:
    """A pull request shows a call that came or went as one line."""
    lines = dump(Baseline((WORKLOAD,))).splitlines()
    assert '        "openat": ["create", "probe:ask", "probe:durable", "stop"],' in lines
    assert '        "x86:open": ["start"]' in lines


def test_workloads_are_sorted() -> None:
    """Whoever was done first."""
    other = replace(WORKLOAD, scenario="nginx")
    denied = replace(WORKLOAD, no_new_privileges=True)
    text = dump(Baseline((denied, WORKLOAD, other)))
    assert text == dump(Baseline((other, WORKLOAD, denied)))
    assert [each.name for each in load(text, "f").workloads] == [
        "nginx@oci", "redis@oci", "redis@oci, no new privileges",
    ]  # fmt: skip


@given(calls=CALLS, sometimes=CALLS)
def test_what_is_written_is_read_as_the_same(
    calls: dict[str, tuple[str, ...]], sometimes: dict[str, tuple[str, ...]]
) -> None:
    """Written again it gives the same text, and it is what the published schema says."""
    rest = {
        name: left
        for name, phases in sometimes.items()
        if (left := tuple(phase for phase in phases if phase not in calls.get(name, ())))
    }
    text = dump(Baseline((replace(WORKLOAD, calls=calls, sometimes=rest),)))
    found = load(text, "f")
    assert dump(found) == text
    assert {name: set(phases) for name, phases in found.workloads[0].calls.items()} == {
        name: set(phases) for name, phases in calls.items()
    }
    schema = json.loads(
        resources.files("profile_smoke.report").joinpath("schema/baseline.schema.json").read_text("utf-8")
    )
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(text), schema)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1, column 1"),
        (dump(Baseline((WORKLOAD,)))[:-20], "the file seems cut off"),
        ("[]", 'begins with {"schema": "profile-smoke/baseline-v1"'),
        ('{"schema": "profile-smoke/baseline-v2"}', "cannot be read here"),
        ('{"schema": "profile-smoke/baseline-v1"}', "workloads: is missing"),
        (changed(callz={}), 'workloads[0].callz: unknown key; did you mean "calls"?'),
        (changed(runs="2"), 'workloads[0].runs: "2" is not a whole number'),
        (changed(runs=0), "workloads[0].runs: 0 launches"),
        (changed(calls={"open at": ["start"]}), 'workloads[0].calls: "open at" is no name of a call'),
        (changed(calls={"read": []}), "workloads[0].calls.read: names no phase"),
        (changed(calls={"read": ["begin"]}), 'workloads[0].calls.read: "begin" is no phase'),
        (
            changed(sometimes={"x86:open": ["start"]}),
            "workloads[0].sometimes.x86:open: start is in calls too",
        ),
        (dump(Baseline((WORKLOAD, WORKLOAD))), "workloads[1]: redis@oci is there already"),
    ],
)
def test_a_bad_file_is_one_line_with_the_place(text: str, problem: str) -> None:
    """Which file, where in it, what is wrong."""
    with pytest.raises(BadFileError) as error:
        load(text, "b.json")
    assert str(error.value).startswith("b.json: ")
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read_is_one_line_too(tmp_path: Path) -> None:
    """Missing, a folder, no text."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name, problem in (
        ("missing", "No such file"),
        (".", "Is a directory"),
        ("binary", "is no UTF-8 text"),
    ):
        with pytest.raises(BadFileError, match=problem):
            read(str(tmp_path / name))
