"""The JSON report: what is written can be read, and nothing else can."""

from __future__ import annotations

import copy
import json as plain
import re
from dataclasses import fields, is_dataclass, replace
from importlib import resources
from typing import Any, get_args, get_type_hints

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.report.cells import HOSTILE, cell, golden_report, run

from profile_smoke import model
from profile_smoke.errors import BadFileError
from profile_smoke.report.json import dump, load

SCHEMA: dict[str, Any] = plain.loads(
    resources.files("profile_smoke.report").joinpath("schema/result.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
times = st.floats(0, 1e6, allow_nan=False)
phases = st.sampled_from(["create", "start", "stop", "probe:page", "probe:"])
names = st.tuples(texts, texts)
u64 = st.integers(0, 2**64 - 1)
rules: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"names": st.lists(texts, min_size=1, max_size=2), "action": st.just("SCMP_ACT_ALLOW")},
    optional={
        "errnoRet": st.integers(0, 200),
        "args": st.lists(
            st.fixed_dictionaries(
                {"index": st.integers(0, 5), "value": u64, "op": st.just("SCMP_CMP_EQ")},
                optional={"valueTwo": u64},
            ),
            max_size=2,
        ),
    },
)


def few(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=2).map(tuple)


launches = st.builds(
    model.Launch,
    seconds=times,
    phase=st.none() | phases,
    reason=texts,
    allowed=few(texts),
    profile_sha256=st.none() | texts,
    phases=st.dictionaries(phases, times, max_size=2),
    answer=st.none() | st.sampled_from(model.Answer),
)
processes = st.builds(model.Process, pid=st.integers(0, 2**22), comm=texts, exe=texts)
denials = st.builds(
    model.Denial,
    syscall=texts,
    number=st.integers(0, 2**31),
    arch=st.sampled_from(["x86_64", "x86", "x32", "aarch64", "arm"]),
    args=st.lists(u64, max_size=6).map(tuple),
    text=texts,
    errno=texts,
    phase=phases,
    process=processes,
    first_ms=times,
    count=st.integers(1, 10**6),
)
standins = st.builds(
    model.Standin, name=texts, distribution=texts, packages=st.dictionaries(texts, texts, max_size=2)
)
images = st.builds(model.ImageInfo, ref=texts, digest=texts, standin=st.none() | standins)
filters = st.builds(
    model.FilterCheck,
    mode=st.none() | st.integers(0, 2),
    instructions=st.none() | st.integers(0, 4096),
    differences=few(texts),
    note=texts,
)
fixes = st.builds(
    model.Fix, rules=few(rules), verified=st.booleans(), minimal=st.booleans(), launches=st.integers(0, 99)
)
cells = st.builds(
    model.CellResult,
    id=texts,
    profile=st.builds(
        model.ProfileRef,
        name=texts,
        path=st.none() | texts,
        sha256=st.none() | texts,
        lines=st.dictionaries(texts, st.integers(1, 10**6), max_size=2),
    ),
    scenario=texts,
    target=st.builds(model.TargetInfo, name=texts, versions=st.dictionaries(texts, texts, max_size=2)),
    image=st.none() | images,
    expected=st.sampled_from(model.Expected),
    verdict=st.sampled_from(model.Verdict),
    phase=st.none() | phases,
    reason=texts,
    control=st.none() | launches,
    launches=few(launches),
    denials=few(denials),
    blocking=few(texts),
    fix=st.none() | fixes,
    filter=st.none() | filters,
    log=few(texts),
    notes=few(texts),
    unused=st.none() | few(texts),
    score=st.none() | st.builds(model.ProfileScore, reasons=few(texts)),
    seconds=times,
)
waivers = st.builds(
    model.Waiver,
    profile=texts,
    scenario=texts,
    rule=st.none() | st.sampled_from(model.GateRule),
    syscall=st.none() | texts,
    reason=texts,
    expires=st.dates().map(str),
    place=texts,
)
gates = st.builds(
    model.Gate,
    rules=few(st.sampled_from(model.GateRule)),
    findings=few(
        st.builds(
            model.GateFinding,
            rule=st.sampled_from(model.GateRule),
            profile=texts,
            cells=few(texts),
            syscall=st.none() | texts,
            text=texts,
            waiver=st.none() | waivers,
        )
    ),
)
reports = st.builds(
    model.RunReport,
    run=texts,
    version=texts,
    started=texts,
    seconds=times,
    cells=few(cells),
    interrupted=st.booleans(),
    failure=texts,
    shard=st.sampled_from(["", "2/5"]),
    selection=st.builds(model.Selection, profile=few(texts), scenario=few(texts), only=few(texts)),
    notes=few(texts),
    gate=st.none() | gates,
    schema=st.just(model.SCHEMA),
)


@given(reports)
def test_what_is_dumped_loads_as_the_same_and_fits_the_schema(report: model.RunReport) -> None:
    """dump and load are inverses, the text is stable and pure ASCII, and the published schema holds."""
    text = dump(report)
    assert load(text, "result.json") == report
    assert dump(load(text, "result.json")) == text
    assert text.isascii()
    VALIDATOR.validate(plain.loads(text))


@given(st.text(max_size=20))
def test_any_text_at_all_is_written_as_valid_unicode(text: str) -> None:
    """Lone surrogates, which other JSON readers refuse, never reach the document."""
    written = dump(run(cell(reason=text)))
    loaded = load(written, "result.json").cells[0].reason
    loaded.encode("utf-8")
    assert dump(run(cell(reason=loaded))) == written
    if text.isascii():
        assert loaded == text


def test_control_characters_are_escaped() -> None:
    """Looking at a result does nothing to the terminal; bytes that were no UTF-8 stay readable."""
    text = dump(run(cell(reason=HOSTILE)))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\uffff]", text)
    assert load(text, "-").cells[0].reason == HOSTILE.replace("\udcff", "\\xff")


def test_the_schema_version_comes_first() -> None:
    """A reader that looks at the head of the file knows what it is."""
    assert dump(run()).startswith('{\n  "schema": "profile-smoke/v1",\n')


def dataclass_in(hint: Any) -> type | None:
    if is_dataclass(hint) and isinstance(hint, type):
        return hint
    return next((found for part in get_args(hint) if (found := dataclass_in(part))), None)


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in schema:
        return resolved(schema["anyOf"][0])
    if schema.get("type") == "array":
        return resolved(schema["items"])
    reference = schema.get("$ref", "").removeprefix("#/$defs/")
    return resolved(SCHEMA["$defs"][reference]) if reference else schema


def assert_same_keys(kind: type, schema: dict[str, Any]) -> int:
    keys = {field.name for field in fields(kind)}
    assert set(schema["properties"]) == keys == set(schema["required"]), kind
    assert schema["additionalProperties"] is False, kind
    hints = get_type_hints(kind)
    inner = {key: found for key in keys if (found := dataclass_in(hints[key]))}
    return 1 + sum(
        assert_same_keys(found, resolved(schema["properties"][key])) for key, found in inner.items()
    )


def test_the_schema_has_exactly_the_keys_of_the_model() -> None:
    """A field that is added to the model without the schema, or the other way round, is noticed."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert assert_same_keys(model.RunReport, SCHEMA) >= 12


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The paths of all objects in a document, but those whose keys are free."""
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    below = [place for key, item in members for place in places(item, (*path, key))]
    free = path and path[-1] in ("versions", "packages", "phases", "lines")
    return ([path] if isinstance(value, dict) and not free else []) + below


def at(document: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def shortened(cell: model.CellResult) -> model.CellResult:
    """One of everything that is there by the dozen."""
    check = cell.filter and replace(cell.filter, findings=cell.filter.findings[:1])
    return replace(
        cell,
        dangerous=cell.dangerous[:1],
        denials=cell.denials[:1],
        launches=cell.launches[-1:],
        filter=check,
    )


def test_schema_and_reader_refuse_every_mutation_of_a_real_document() -> None:
    """In each object of golden cells: a further key, a missing key, and a value of another type."""
    report = golden_report()
    cells = tuple(shortened(each) for each in report.cells if each.fix or (each.drift and each.drift.new))
    document = plain.loads(dump(replace(report, cells=cells[1:3])))
    assert VALIDATOR.is_valid(document)
    tried = 0
    for place in places(document):
        rule = "rules" in place  # the reader leaves the inside of OCI rules to the profile's own reader
        mutations: list[dict[str, Any]] = []
        for key in at(document, place):
            missing = copy.deepcopy(document)
            del at(missing, place)[key]
            other = copy.deepcopy(document)
            at(other, place)[key] = (
                {"no": ["such", "thing"]} if key not in ("versions", "packages", "phases", "lines") else 7
            )
            optional = rule and key in ("args", "valueTwo")
            mutations += [other] if optional else [missing, other]
        further = copy.deepcopy(document)
        at(further, place)["further"] = 1
        for mutation in [*mutations, further]:
            tried += 1
            assert not VALIDATOR.is_valid(mutation), place
            if not rule:
                with pytest.raises(BadFileError) as caught:
                    load(plain.dumps(mutation), "result.json")
                assert caught.value.where
    assert tried > 300


@pytest.mark.parametrize(
    ("old", "new", "where", "problem"),
    [
        ("profile-smoke/v1", "profile-smoke/v2", "schema", '"profile-smoke/v2" cannot be read here'),
        ('"interrupted": false', '"interrupted": 0', "interrupted", "0 is not true or false"),
        ('"seconds": 1.0', '"seconds": "1"', "seconds", '"1" is not a number'),
        ('"seconds": 1.0', '"seconds": true', "seconds", "true is not a number"),
        ('"seconds": 1.0', '"seconds": NaN', "", "NaN is no JSON number"),
        ('"seconds": 1.0', f'"seconds": 1{"0" * 400}', "seconds", "too large"),
        (
            '"verdict": "passed"',
            '"verdict": "green"',
            "cells[0].verdict",
            "none of passed, blocked, error, skipped",
        ),
        ('"verdict"', '"verdikt"', "cells[0].verdikt", 'unknown key; did you mean "verdict"?'),
        ('"log": []', '"log": [1]', "cells[0].log[0]", "1 is not a text"),
        ('"log": []', '"log": {}', "cells[0].log", "{} is not a list"),
        ('"log": []', '"log": [], "log": []', "", 'key "log" is there twice'),
        ('"versions": {}', '"versions": {"a b": 1}', 'cells[0].target.versions."a b"', "1 is not a text"),
    ],
)
def test_a_wrong_document_is_one_line_with_the_place(old: str, new: str, where: str, problem: str) -> None:
    """Which file, where in it, what is wrong."""
    text = dump(run(cell()))
    assert old in text
    with pytest.raises(BadFileError) as caught:
        load(text.replace(old, new, 1), "result.json")
    assert caught.value.where == where
    assert problem in caught.value.problem
    assert str(caught.value).startswith("result.json: ")
    assert "\n" not in str(caught.value)


def test_a_document_cut_off_anywhere_is_refused() -> None:
    """Half a report never reads as a report; the message has line and column."""
    text = dump(run(cell())).rstrip()
    for length in range(len(text)):
        with pytest.raises(BadFileError) as caught:
            load(text[:length], "result.json")
        assert "line " in caught.value.where
    assert "cut off" in str(caught.value)


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "null", '"x"', "{}", "9" * 5000, "\ufeff{}"])
def test_other_documents_are_refused_in_one_line(text: str) -> None:
    """Deep nesting, huge numbers and other JSON end in a message, not in a traceback."""
    with pytest.raises(BadFileError):
        load(text, "result.json")
