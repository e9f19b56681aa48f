"""On which line a key of a TOML text stands."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_smoke.settings.places import lines_of

TEXT = '''\
# a comment = 1
a = 1
b.c = [
  1, # ]
  "x]",
]
"odd key/with" = """
d = 2
[not.a.table]
"""

[one.two]  # [x]
e = {f = 1, g = {h = 2}}

[[many]]
i = 1
[many.inner]
j = 1
[[many]]
k = 'x = """'
[[many.deep]]
l = 1
[[many.deep]]
m = [[1],
 [2]]
'''


def test_every_key_has_the_line_of_its_statement() -> None:
    """Headers, dotted keys, arrays of tables and values over several lines, with brackets in comments and texts."""
    lines = lines_of(TEXT)
    expected = {
        ("a",): 2,
        ("b",): 3,
        ("b", "c"): 3,
        ("b", "c", 1): 3,
        ("odd key/with",): 7,
        ("one",): 12,
        ("one", "two"): 12,
        ("one", "two", "e", "g", "h"): 13,
        ("many",): 15,
        ("many", 0): 15,
        ("many", 0, "i"): 16,
        ("many", 0, "inner"): 17,
        ("many", 0, "inner", "j"): 18,
        ("many", 1): 19,
        ("many", 1, "k"): 20,
        ("many", 1, "deep", 0, "l"): 22,
        ("many", 1, "deep", 1): 23,
        ("many", 1, "deep", 1, "m"): 24,
    }
    assert {path: lines.get(path) for path in expected} == expected
    assert not any("d" in path or "not" in path for path in lines)


def paths(value: Any, at: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    """The paths of everything in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {at, *(path for key, each in inner for path in paths(each, (*at, key)))}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_it_has_all_that_there_is_and_nothing_else(newline: str) -> None:
    """Whatever the line's end."""
    assert set(lines_of(TEXT.replace("\n", newline))) == paths(tomllib.loads(TEXT)) - {()}


scalars = st.sampled_from(["1", "true", "'x'", '"]"', "1979-05-27", '"""\n]\n"""', "[\n 1,\n]", "{a = 1}"])


@given(
    st.lists(
        st.tuples(st.booleans(), st.lists(st.tuples(st.integers(0, 2), scalars), max_size=3)), max_size=4
    )
)
def test_any_file_of_these_parts(tables: list[tuple[bool, list[tuple[int, str]]]]) -> None:
    """The line of a key is the line on which it was written."""
    lines: list[str] = []
    expected: dict[tuple[str | int, ...], int] = {}
    arrays = 0
    for number, (array, pairs) in enumerate(tables):
        here: tuple[str | int, ...] = ("t", arrays) if array else (f"s{number}",)
        arrays += array
        lines.append("[[t]]" if array else f"[s{number}]")
        expected[here] = len(lines)
        for key, (blank, value) in enumerate(pairs):
            lines += [""] * blank
            expected[*here, f"k{key}"] = len(lines) + 1
            lines += f"k{key} = {value}".split("\n")
    found = lines_of("\n".join(lines))
    assert {path: found.get(path) for path in expected} == expected
