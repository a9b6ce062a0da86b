"""What differs between two texts."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from torchlint.source.difference import changes
from torchlint.source.edit import Offsets, applied

TEXTS = st.text("ab \r\n😀", max_size=30)


@given(TEXTS, TEXTS)
@example("a\r\n", "a\r")
@example("a\r", "a\r\n")
@example("a\r\n", "a\n")
@example("a\r\rb", "a\r\nb")
def test_the_changes_make_the_new_text_of_the_old(old: str, new: str) -> None:
    found = changes(old, new)
    assert applied(old, found) == new
    assert bool(found) == (old != new)


@given(TEXTS, TEXTS)
def test_no_end_of_a_line_is_cut_in_two(old: str, new: str) -> None:
    offsets = Offsets(old)
    for change in changes(old, new):
        for place in (change.span.start, change.span.end):
            at = offsets.of(place)
            assert old[max(0, at - 1) : at + 1] != "\r\n"


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("a = 1\nb = 2\n", "a = 1\nb = 23\n", [((2, 6), (2, 6), "3")]),
        ("a\nb\nc\n", "a\nc\n", [((2, 1), (3, 1), "")]),
        ("a\nc\n", "a\nb\nc\n", [((2, 1), (2, 1), "b\n")]),
        ("x(1)\ny(2)\nz\n", "x(3)\ny(4)\nz\n", [((1, 3), (1, 4), "3"), ((2, 3), (2, 4), "4")]),
        ("a", "a\n", [((1, 2), (1, 2), "\n")]),
        ("", "a", [((1, 1), (1, 1), "a")]),
        ("one\r\n", "one\n", [((1, 4), (2, 1), "\n")]),
        ("same\n", "same\n", []),
    ],
)
def test_changes_are_small(old: str, new: str, wanted: list[object]) -> None:
    found = [
        ((one.span.start.row, one.span.start.column), (one.span.end.row, one.span.end.column), one.text)
        for one in changes(old, new)
    ]
    assert found == wanted
