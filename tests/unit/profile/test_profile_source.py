"""The position-keeping JSON reader."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_smoke.errors import BadFileError
from profile_smoke.profile.source import MAX_BYTES, MAX_DEPTH, Node, Source

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


def strict(text: str) -> Any:
    """What the standard library makes of a text, with its three leniencies taken away."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("duplicate key")
        return dict(pairs)

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)


@given(documents, st.sampled_from((None, 0, 2, "\t")), st.booleans())
def test_valid_text_reads_as_the_standard_library_reads_it(value: Any, indent: Any, ascii_only: bool) -> None:  # noqa: FBT001
    """Any JSON value, in any layout, comes out as `json.loads` gives it."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert Source(text, "x").root.plain == json.loads(text)


@given(documents, st.data())
def test_damaged_text_is_refused_exactly_when_the_standard_library_refuses_it(
    value: Any, data: st.DataObject
) -> None:
    """A piece put in or taken out anywhere: both agree on whether it is JSON still, and what it says."""
    text = json.dumps(value, ensure_ascii=False)
    place = data.draw(st.integers(0, len(text)))
    width = data.draw(st.integers(0, 2))
    piece = data.draw(
        st.sampled_from(
            (
                '"',
                "\\",
                ",",
                ":",
                "[",
                "]",
                "{",
                "}",
                "-",
                "0",
                "1",
                ".",
                "e",
                " ",
                "\t",
                "\n",
                "\x00",
                "NaN",
                "\u00a0",
                "\u0662",
                "",
            )
        )
    )
    damaged = text[:place] + piece + text[place + width :]
    try:
        expected = strict(damaged)
    except ValueError:
        with pytest.raises(BadFileError):
            Source(damaged, "x")
    else:
        assert Source(damaged, "x").root.plain == expected


@given(documents)
def test_every_span_holds_the_text_of_its_value(value: Any) -> None:
    """What stands between start and end of a node is that value again."""
    source = Source(json.dumps(value, indent=1), "x")

    def check(node: Node) -> None:
        assert json.loads(source.text[node.start : node.end]) == node.plain
        if isinstance(node.value, tuple):
            for item in node.value:
                check(item)
        if isinstance(node.value, dict):
            for key, member in node.value.items():
                assert json.loads(source.text[member.key.start : member.key.end]) == key
                check(member.value)

    check(source.root)


def test_places_count_lines_and_columns_from_one_without_the_byte_order_mark() -> None:
    """CRLF ends one line, and the mark before the first character has no column."""
    source = Source('\ufeff{"a":\r\n  1}', "x")
    assert isinstance(source.root.value, dict)
    assert source.place(source.root.start) == "line 1, column 1"
    assert source.place(source.root.value["a"].value.start) == "line 2, column 3"


def test_nesting_is_bounded() -> None:
    """As deep as allowed reads; one deeper is an error that says so, and so is a million deep."""
    assert Source("[" * MAX_DEPTH + "]" * MAX_DEPTH, "x").root.end == 2 * MAX_DEPTH
    for depth in (MAX_DEPTH + 1, 1_000_000):
        with pytest.raises(BadFileError, match=f"nested deeper than {MAX_DEPTH} levels"):
            Source("[" * depth, "x")


def test_the_largest_allowed_file_reads_within_seconds() -> None:
    """As many values as fit into a text of the allowed size take no minutes (about a second)."""
    text = "[" + ",".join(["0"] * (MAX_BYTES // 2 - 1)) + "]"
    begin = time.process_time()
    assert isinstance(Source(text, "x").root.value, tuple)
    assert time.process_time() - begin < 10
