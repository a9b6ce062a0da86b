"""Tables of what is known: how they are looked up, and what is left of them after an edit."""

from __future__ import annotations

import random
import re

import msgspec
import pytest

from torchlint.frontends.server import messages
from torchlint.frontends.server.messages import Hint, Place, Table
from torchlint.frontends.server.tables import Shift, merged, nothing, shifted
from torchlint.syntax.spans import Stretch

#: A name, a number, or a comparison of two of them, which may take two rows.
PARTS = re.compile(r"\w+(?:\s*<\s*\w+)?")


def point(text: str, at: int) -> tuple[int, int]:
    rows = text[:at].split("\n")
    return len(rows), len(rows[-1]) + 1


def stretches(text: str) -> dict[Stretch, str]:
    """The parts of a text, where they stand."""
    return {(*point(text, one.start()), *point(text, one.end())): one[0] for one in PARTS.finditer(text)}


def still(old: str, new: str) -> dict[str, str]:
    """The parts of an old text that are said to stand in the new one still, and what stands there."""
    shift = Shift(old, new)
    there: dict[str, str] = {}
    for stretch, part in stretches(old).items():
        moved = shift.stretch(*stretch)
        if moved is not None:
            row, column, last, end = moved
            rows = new.split("\n")[row - 1 : last]
            rows[-1] = rows[-1][: end - 1]
            rows[0] = rows[0][column - 1 :]
            there[part] = "\n".join(rows)
    return there


@pytest.mark.parametrize(
    ("old", "new", "left"),
    [
        ("a = b\nc = d\n", "a = b\nc = d\n", "a b c d"),
        ("a = b\nc = d\n", "\na = b\nc = d\n", "a b c d"),
        ("a = b\nc = d\n", "a = b\nxyz = 1\nc = d\n", "a b c d"),
        ("a = b\nxyz = 1\nc = d\n", "a = b\nc = d\n", "a b c d"),
        ("a = b\nc = d\n", "a = b \nc = d\n", "a b c d"),
        ("a = b\nc = d\n", "a  = b\nc = d\n", "a b c d"),
        ("a = b\nc = d\n", "a = b.e\nc = d\n", "c d"),
        ("a = b\nc = d\n", "a = bb\nc = d\n", "c d"),
        ("a = bb\nc = d\n", "a = b b\nc = d\n", "a c d"),
        ("a = b b\nc = d\n", "a = bb\nc = d\n", "a c d"),
        ("a = b\nc = d\n", "a = b\nc = e", "a b"),
        ("a = b\n  c = d\n", "a = b\nc = d\n", "a b c d"),
        ("a = b; c = d\n", "a = b;\nc = d\n", "a b c d"),
        ("a = b\nc < d\n", "a = b\nc\n< d\n", "a b"),
        ("a\nb\nc", "a\nx\ny\nz\nc", "a c"),
        ("a", "", ""),
        ("", "a", ""),
        ("a\r\nb\r\n", "a\r\nx\r\nb\r\n", "a b"),
    ],
)
def test_what_stands_where_after_an_edit(old: str, new: str, left: str) -> None:
    assert " ".join(still(old, new)) == left


def test_what_is_left_says_what_it_said() -> None:
    chance = random.Random(5)
    kept = gone = 0
    for _ in range(600):
        old = "".join(chance.choice("ab1 \n<=\n") for _ in range(chance.randrange(60)))
        start = chance.randrange(len(old) + 1)
        end = min(len(old), start + chance.choice((0, 0, 1, 3, 20)))
        put = "".join(chance.choice("ab \n< ") for _ in range(chance.choice((0, 1, 2, 9))))
        new = old[:start] + put + old[end:]
        for part, there in still(old, new).items():
            assert part == there
        shift = Shift(old, new)
        rows = new.split("\n")
        for stretch in stretches(old):
            moved = shift.stretch(*stretch)
            gone += moved is None
            if moved is not None:
                kept += 1
                row, column, last, end = moved
                beside = rows[row - 1][max(0, column - 2) : column], rows[last - 1][max(0, end - 2) : end]
                assert not any(re.fullmatch(r"\w\w", two) for two in beside), (old, new, moved)
    assert kept > gone > 300


def table(**changes: object) -> Table:
    plain = Table(
        1, "file:///a.py", 1, ["one", "two", "[3]"], [Place(1, 1, 3, 2, 0, 0)],
        [Place(2, 1, 2, 2, 1, -1), Place(2, 5, 2, 6, 0, 0)], [Hint(2, 2, 2, -1)],
        [[1, 0]], [{"uri": "file:///b.py"}, {"uri": "file:///c.py"}],
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def test_a_table_knows_what_another_one_does_not() -> None:
    far = {"uri": "file:///far.py"}
    newer = table(
        stamp=7, version=3, texts=["unused", "new"], tall=[], places=[Place(2, 1, 2, 2, 1, 0)], hints=[], trails=[[0]],
        steps=[far],
    )  # fmt: skip
    both = merged(newer, table())
    assert (both.stamp, both.version) == (7, 3)
    assert both.texts == ["new", "one", "[3]"]
    assert both.places == [Place(2, 1, 2, 2, 0, 0), Place(2, 5, 2, 6, 1, 1)]
    assert both.tall == [Place(1, 1, 3, 2, 1, 1)]
    assert both.hints == [Hint(2, 2, 2, -1)]
    assert both.trails == [[0], [1, 2]]
    assert both.steps == [far, {"uri": "file:///c.py"}, {"uri": "file:///b.py"}]
    assert merged(table(), table()).places == table().places


def test_a_table_moves_with_its_text() -> None:
    moved = shifted(table(), Shift("f(\nx = y\n)\n", "\nf(\nx = y\n)\n"))
    assert moved.tall == [Place(2, 1, 4, 2, 0, 0)]
    assert moved.places == [Place(3, 1, 3, 2, 1, -1), Place(3, 5, 3, 6, 0, 0)]
    assert moved.hints == [Hint(3, 2, 2, -1)]
    assert shifted(table(), Shift("f(\nx = y\n)\n", "f(\nx = z\n)\n")).tall == []


def test_a_table_goes_through_the_pipe() -> None:
    sent = messages.packed(table(hints=[Hint(2, 2, 2, -1, True)]))
    read = msgspec.msgpack.decode(sent[messages.PREFIX :], type=messages.ToFront)
    assert read == table(hints=[Hint(2, 2, 2, -1, True)])
    empty = nothing(3, "file:///a.py", 2)
    assert (empty.stamp, empty.uri, empty.version, empty.places) == (3, "file:///a.py", 2, [])
