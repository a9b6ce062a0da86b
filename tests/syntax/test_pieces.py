"""A file cut at its statements: the same spans and the same verdicts as of the whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from torchlint.diagnostic import Edit, Location, Span
from torchlint.syntax.lower import read
from torchlint.syntax.pieces import Pieces, pieces
from torchlint.syntax.positions import locate
from torchlint.syntax.rewrite import expressions
from torchlint.syntax.tree import SyntaxProblem

ROOT = Path(__file__).parents[2]
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
    "jumps": "import os, sys\nfrom a import (\n    b,\n    c,\n)\npass\nglobal q\ndel x[1]\nassert f(1)\n",
}


def cut(text: str) -> Pieces:
    module = read(text)
    assert not isinstance(module, SyntaxProblem)
    found = pieces(text, module)
    assert found is not None
    return found


def same_spans(text: str) -> int:
    """Asserts that each node is found where the whole file has it, and gives how many there are."""
    module = read(text)
    assert not isinstance(module, SyntaxProblem)
    numbers = sorted(expressions(module))
    numbers += [node.n for node in module.body]
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
