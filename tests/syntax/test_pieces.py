"""A file cut at its statements: the same spans and the same verdicts as of the whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from torchlint.diagnostic import Edit, Location, Span
from torchlint.syntax import ir
from torchlint.syntax.lower import read
from torchlint.syntax.pieces import Pieces, pieces
from torchlint.syntax.positions import locate
from torchlint.syntax.rewrite import expressions
from torchlint.syntax.tree import SyntaxProblem

ROOT = Path(__file__).parents[2]
METHODS = "".join(f"    def m{i}(self, x=f({i})):\n        y = g(x)\n        return y + {i}\n\n" for i in range(6))
TEXTS = {
    "decorated": "import a\n\n\n# above\n@f(\n    1\n)\n# and\n@g\nclass C:\n    @h\n    def m(self): pass\n\nx = 1\n",
    "shared rows": "a = 1; b = (\n    2\n); c = f(3)\nd = 4; e = 5;\n",
    "parenthesised": "(\n  f(\n  1)\n)\nx = (y :=\n  2)\n",
    "strings": 's = """\n\n# no comment\n""" + f(1)\nt = f"{g(2)}" \\\n    "more"\n',
    "ladder": "if a:\n    f()\nelif b:\n    g()\nelse:\n    h()\nfor x in y: z()\n",
    "form feeds": "x = f(1)\n\f\ny = g(2)\n\fz = h(3)\nif a:\n\f    k(4)\n",
    "comments": "# head\n\n'''doc'''\n\nx = 1  # one\n    # odd\n\n# tail\ny = f()\n# end",
    "no end": "x = f(1)\ny = g(2)",
    "tabs": "def f():\n\tif x:\n\t\treturn g(1)\n\n\ndef h():\n  return 2\n",
    "empty": "",
    "words": "größe = f('é'); 图像 = g(größe)\n",
    "match": "match x:\n    case [1, 2] if f(x):\n        g()\n\nmatch = 1\n",
    "class": "class C(f(1)):\n    '''doc'''\n    x = 1; y = g(2)\n    # odd\n  # odd\n"
    + METHODS
    + "    @h\n    def m(self):\n        return 1\n",
    "function": "@f(0)\nasync def g(x: int = h(1), *y: a) -> k(2):\n"
    + METHODS
    + "    return await z(3); yield (\n  4)\n",
    "one row": "class C: x = f(1); y = '''\n" + "\n" * 20 + "'''; z = g(2)\n",
    "row goes on": "class C: \\\n    x = (f(1),\n" + "1,\n" * 20 + ")\n",
    "branches": "if a:\n" + METHODS + "else:\n" + METHODS + "for b in f(1):\n" + METHODS + "else: g(2)\n",
    "tabbed class": "class C:\n\tx = 1\n" + METHODS.replace("    ", "\t") + "\ty = f(2)",
    "accents in rows": "class C:\n    é = 'é'; ü = f(1)\n" + METHODS,
    "main": "if __name__ == '__main__':\n"
    + METHODS
    + "    with f(1) as x, g(2):\n        y = 1\n"
    + "        h(3)\n" * 20,
    "otherwise": "x = (a, b), c\ny = ((f(1)), *(c,))\nz = f(g for g in h), (i for i in j)\n"
    "w = a[b, c], d[e: ], f[:, ::\n 2 ]\n(x), [y, (z, w)] = (k); v = ((m))\nwhile (yield): lambda *a, b=(1, 2): (a)\n",
    "jumps": "import os, sys\nfrom a import (\n    b,\n    c,\n)\npass\nglobal q\ndel x[1]\nassert f(1)\n",
}


def cut(text: str) -> Pieces:
    module = read(text)
    assert not isinstance(module, SyntaxProblem)
    found = pieces(text, module)
    assert found is not None
    return found


def every_statement(module: ir.Module) -> Iterator[ir.Stmt]:
    pending = list(module.body)
    while pending:
        node = pending.pop()
        yield node
        pending.extend(ir.blocks(node))


def same_spans(text: str) -> int:
    """Asserts that each node is found where the whole file has it, and gives how many there are."""
    module = read(text)
    assert not isinstance(module, SyntaxProblem)
    numbers = sorted(expressions(module))
    numbers += [node.n for node in every_statement(module)]
    whole = locate(text, [*numbers, 100_000], "a.py")
    assert locate(text, [-1, *numbers, 100_000], "a.py", module) == whole
    for number in numbers[:: max(1, len(numbers) // 5)]:
        assert locate(text, [number], "a.py", module) == {number: whole[number]}
    return len(whole)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_spans_are_those_of_the_whole_file(text: str, end: str) -> None:
    assert same_spans(text.replace("\n", end)) > 0 or not text


@pytest.mark.parametrize("path", ["torchlint/flow/machine.py", "tests/syntax/test_tree.py", "fixtures/demo/train.py"])
def test_spans_of_real_files(path: str) -> None:
    assert same_spans((ROOT / path).read_text(encoding="utf-8")) > 100


def test_a_text_that_only_libcst_reads_is_not_cut() -> None:
    text = "x = f(1)\nprint(y) if z else async_\n"
    module = read(text)
    assert not isinstance(module, SyntaxProblem)
    assert pieces(text + "$", module) is None
    assert pieces("x = f(1)\n", module) is None
    assert locate("x = f(1)\n", [module.body[0].n], "a.py", module)  # found without the pieces


def edit(start: tuple[int, int], end: tuple[int, int], text: str) -> Edit:
    return Edit(Span("a.py", Location(*start), Location(*end)), text)


def test_edits_of_pieces() -> None:
    text = "import a\n\nx = f(1)\n# between\n\n\ndef g(y):\n    return h(y)\n"
    found = cut(text)
    changed = found.edited([edit((8, 12), (8, 13), "k"), edit((3, 5), (3, 9), "2"), edit((8, 14), (8, 15), "z")])
    assert changed is not None
    assert [(piece.first, new) for piece, new in changed] == [(3, "x = 2\n"), (7, "def g(y):\n    return k(z)\n")]
    gone = found.edited([edit((3, 1), (4, 1), "")])
    assert gone is not None and [new for _, new in gone] == [""]


@pytest.mark.parametrize(
    "edits",
    [
        pytest.param([edit((5, 1), (5, 1), "y = 1\n")], id="between"),
        pytest.param([edit((3, 5), (4, 3), "2")], id="beyond"),
        pytest.param([edit((3, 9), (4, 1), "  ")], id="no end of line"),
        pytest.param([edit((3, 5), (3, 9), "2"), edit((3, 7), (3, 8), "3")], id="overlap"),
    ],
)
def test_edits_that_leave_their_piece(edits: list[Edit]) -> None:
    assert cut("import a\n\nx = f(1)\n# between\n\n\ndef g(y):\n    return h(y)\n").edited(edits) is None


LONG = "class C:\n    x = f(1)\n\n" + METHODS + "    z = f(2)\n"


def test_of_a_long_class_only_one_method_is_looked_at() -> None:
    found = cut(LONG)
    module = read(LONG)
    assert not isinstance(module, SyntaxProblem)
    number = next(node.n for node in every_statement(module) if isinstance(node, ir.FunctionDef) and node.name == "m3")
    piece = found.closest(number + 1)
    assert piece is not None
    assert piece.text == "if 1:\n    def m3(self, x=f(3)):\n        y = g(x)\n        return y + 3\n"
    assert (piece.starts, piece.last) == (16, 18)
    alone = read(piece.text)
    assert not isinstance(alone, SyntaxProblem) and isinstance(alone.body[0], ir.If)
    assert piece.number + alone.body[0].body[0].n == number
    outer = found.of_number(number)
    assert outer is not None and outer.text == LONG
    assert found.closest(module.body[0].n) == outer  # the name of the class is in none of its statements


def test_edits_of_one_method_and_of_several() -> None:
    found = cut(LONG)
    inside = [edit((17, 13), (17, 14), "k"), edit((18, 16), (18, 17), "n")]
    one = found.edited(inside)
    assert one is not None
    assert [new for _, new in one] == ["if 1:\n    def m3(self, x=f(3)):\n        y = k(x)\n        return n + 3\n"]
    several = found.edited([*inside, edit((2, 9), (2, 10), "n")])
    assert several is not None
    assert [piece.text for piece, _ in several] == [LONG]
    header = found.edited([edit((1, 7), (1, 8), "D")])
    assert header is not None
    assert [new[:8] for _, new in header] == ["class D:"]


def test_a_piece_that_is_read_otherwise_by_itself_is_read_with_what_is_around_it() -> None:
    deep = "f(" * 148 + "1" + ")" * 148  # past the bound where it stands, within it below a single `if`
    rows = "".join(f"        x = g({i})\n" for i in range(20))
    assert same_spans(f"class C:\n    def m(self):\n{rows}        y = ({deep}, g(1))\n{rows}") > 100
