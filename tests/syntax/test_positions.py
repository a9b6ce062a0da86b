from __future__ import annotations

import re

import libcst as cst
import pytest

from torchlint.diagnostic import Location, Span
from torchlint.syntax import ir
from torchlint.syntax.lower import lower
from torchlint.syntax.positions import locate
from torchlint.syntax.tree import SyntaxProblem, parse


def places(text: str) -> list[tuple[str, tuple[int, int], tuple[int, int]]]:
    """Kind, start and end of each numbered node."""
    tree = parse(text)
    assert not isinstance(tree, SyntaxProblem)
    record: list[cst.CSTNode] = []
    lower(tree, record)
    spans = locate(text, range(len(record)), "a.py")
    assert len(spans) == len(record)
    return [
        (type(node).__name__, (spans[n].start.row, spans[n].start.column), (spans[n].end.row, spans[n].end.column))
        for n, node in enumerate(record)
    ]


def slices(text: str, kind: str) -> list[str]:
    """The text under each numbered node of a kind, cut out by its span."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)  # `splitlines` would split at a form feed
    found = []
    for name, (row, column), (end_row, end_column) in places(text):
        if name == kind:
            cut = lines[row - 1 : end_row]
            cut[-1] = cut[-1][: end_column - 1]
            cut[0] = cut[0][column - 1 :]
            found.append("".join(cut))
    return found


def test_the_worked_example() -> None:
    assert locate("y = f(x)\n", [2], "a.py") == {2: Span("a.py", Location(1, 5), Location(1, 9))}


def test_numbers_that_are_not_there_are_left_out() -> None:
    assert locate("y = f(x)\n", [-1, 99], "a.py") == {}
    assert locate("y = f(x)\n", [], "a.py") == {}
    assert locate("y = = f(x)\n", [0], "a.py") == {}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_and_columns(end: str) -> None:
    text = end.join(
        [
            "größe, 图像 = lade('é'), 2",
            "class Netz(nn.Module):",
            "\tdef forward(self, x):",
            "\t\treturn self.fc(x,",
            "\t\t\tk=1)",
            "\x0c",
            "@torch.no_grad()",
            "def test(): f'{größe(1)}'",
            "text = '''a",
            "b''' + g()",
            "",
        ]
    )
    assert slices(text, "Call") == [
        "lade('é')", f"self.fc(x,{end}\t\t\tk=1)", "torch.no_grad()", "größe(1)", "g()",
    ]  # fmt: skip
    names = slices(text, "Name")
    assert names[:2] == ["größe", "图像"]
    assert {"Netz", "forward", "test", "self"} <= set(names)
    assert "self.fc" in slices(text, "Attribute")


def test_parentheses_are_no_part_of_an_expression() -> None:
    assert slices("x = ((a + b))\n", "BinaryOperation") == ["a + b"]


def test_a_call_over_several_rows_spans_them() -> None:
    assert ("Call", (1, 8), (4, 2)) in places("loss = criterion(\n    out,\n    target,\n)\n")


def test_tabs_and_form_feeds_are_one_column() -> None:
    assert ("Call", (2, 3), (2, 6)) in places("if x:\n\t\tf()\n")


@pytest.mark.parametrize(
    "text", ["\x0cf()\n", "x = 1\n\x0cf()\n", "\ufefff()\n", "if x:\n\x0c  f()\n", "x = 1;\x0cf()\n"]
)
def test_characters_that_the_tree_drops_still_count(text: str) -> None:
    assert slices(text, "Call") == ["f()"]


def test_every_kind_of_node_can_be_found() -> None:
    text = (
        "from a import b\nx: int = 1\nx += yield_\ndel x[1:2, *i]\nassert not a < b\n"
        "for i in (1, *c): pass\nwhile a and b: break\nwith a as b: continue\n"
        "try: raise\nexcept A as e: pass\n"
        "f(*a, **k)[0], {1: 2, **m}, {1}, [2], lambda q=1: q, f'a{b}c' 'd', b'', 'a' 'b', ..., 1.5, 3j\n"
        "[i for i in j if i], (a if b else c), (w := 2)\n"
        "def g[T](p: int = 0, *, q):\n    global z\n    nonlocal y\n    yield from p\n"
        "async def h(): await g()\n"
        "match x:\n    case [1, *r] | {'a': 2} if t: pass\n    case A(b=1.0) as c: pass\n    case -1: pass\n"
        "type V = int\n"
    )
    for _, start, end in places(text):
        assert start < end


def test_a_long_ladder() -> None:
    ladder = "    if a(0):\n        f()\n" + "    elif a(1): f()\n" * 3000 + "    else:\n        g()\n"
    text = f"def h():\n{ladder}    last()\n"
    found = [(start, end) for kind, start, end in places(text) if kind == "Call"]
    assert found[:4] == [((2, 8), (2, 12)), ((3, 9), (3, 12)), ((4, 10), (4, 14)), ((4, 16), (4, 19))]
    assert found[-2:] == [((3005, 9), (3005, 12)), ((3006, 5), (3006, 11))]


def test_a_long_chain() -> None:
    text = "x = a" + " + a" * 600 + "\ny = f(x)\n"
    program = parse(text)
    assert not isinstance(program, SyntaxProblem)
    last = lower(program).body[-1]
    assert isinstance(last, ir.Assign)
    assert locate(text, [last.n], "a.py")[last.n].start == Location(2, 1)
