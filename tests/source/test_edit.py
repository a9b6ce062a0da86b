from __future__ import annotations

import pytest

from torchlint.diagnostic import Edit, Location, Span
from torchlint.source.edit import Offsets, OverlapError, applied


def edit(row: int, column: int, end_row: int, end_column: int, text: str) -> Edit:
    return Edit(Span("a.py", Location(row, column), Location(end_row, end_column)), text)


def test_the_worked_example() -> None:
    assert applied("a = 1\n", [edit(1, 5, 1, 6, "2")]) == "a = 2\n"


def test_edits_are_made_together_and_in_any_order() -> None:
    edits = [edit(2, 5, 2, 6, "20"), edit(1, 1, 1, 2, "x")]
    assert applied("a = 1\nb = 2\n", edits) == applied("a = 1\nb = 2\n", edits[::-1]) == "x = 1\nb = 20\n"
    assert applied("a = 1\n", []) == "a = 1\n"


def test_insertions_at_one_place_keep_their_order() -> None:
    assert applied("b", [edit(1, 1, 1, 1, "("), edit(1, 1, 1, 1, "a + "), edit(1, 2, 1, 2, ")")]) == "(a + b)"


def test_insertions_may_touch_a_replacement() -> None:
    assert applied("abc", [edit(1, 2, 1, 2, "<"), edit(1, 2, 1, 3, "x"), edit(1, 3, 1, 3, ">")]) == "a<x>c"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (edit(1, 1, 1, 4, "x"), edit(1, 3, 1, 6, "y")),
        (edit(1, 1, 1, 6, "x"), edit(1, 2, 1, 3, "y")),
        (edit(1, 1, 1, 4, "x"), edit(1, 1, 1, 4, "y")),
        (edit(1, 1, 1, 4, "x"), edit(1, 2, 1, 2, "y")),
    ],
)
def test_overlapping_edits_are_refused(one: Edit, other: Edit) -> None:
    for edits in ([one, other], [other, one]):
        with pytest.raises(OverlapError):
            applied("abcdef\n", edits)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_stay_and_columns_are_code_points(end: str) -> None:
    text = end.join(["größe = '图像'", "\tx = 1\x0c + 2", ""])
    assert applied(text, [edit(1, 1, 1, 6, "n"), edit(2, 2, 2, 3, "ü")]) == end.join(
        ["n = '图像'", "\tü = 1\x0c + 2", ""]
    )


def test_a_deletion_may_take_a_line_end_away() -> None:
    assert applied("a = f(\r\n    b,\r\n)\r\n", [edit(1, 5, 2, 5, ""), edit(2, 6, 3, 2, "")]) == "a = b\r\n"


def test_the_end_of_a_text_without_a_line_end() -> None:
    assert applied("a", [edit(1, 2, 1, 2, "\nb")]) == "a\nb"
    assert applied("a\n", [edit(2, 1, 2, 1, "b")]) == "a\nb"
    assert applied("", [edit(1, 1, 1, 1, "b")]) == "b"


def test_what_stands_at_a_span() -> None:
    text = "é = f(a,\r\n      b)\r\n"
    assert Offsets(text).cut(text, Span("a.py", Location(1, 5), Location(2, 9))) == "f(a,\r\n      b)"
