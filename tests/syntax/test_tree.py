from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import libcst as cst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchlint.syntax import depth
from torchlint.syntax.lower import read
from torchlint.syntax.tree import MANY, SyntaxProblem, in_bulk, parse

HERE = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "text", ["", "\n", "x = 1", "x = 1\r\ny = 2\r\n", "\x0cx = 1\n", "# only a comment", "if x:\n\ty\n"]
)
def test_texts_with_a_tree(text: str) -> None:
    tree = parse(text)
    assert isinstance(tree, cst.Module)
    assert tree.code.lstrip("\f") == text.lstrip("\f")


def test_many_files_have_the_trees_that_they_have_alone() -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted((HERE / "torchlint" / "syntax").glob("*.py"))]
    alone = [parse(text) for text in texts]
    with in_bulk(MANY), in_bulk(MANY):
        together = [parse(text) for text in texts]
    for one, other in zip(alone, together, strict=True):
        assert isinstance(one, cst.Module)
        assert isinstance(other, cst.Module)
        assert one.deep_equals(other)


@pytest.mark.parametrize("files", [1, MANY])
def test_what_a_program_makes_by_itself_is_checked_again_afterwards(files: int) -> None:
    with pytest.raises(ZeroDivisionError), in_bulk(files):
        _ = 1 / 0
    with pytest.raises(cst.CSTValidationError):
        cst.Name("")


@pytest.mark.parametrize(
    ("text", "row", "column", "part"),
    [
        ("import torch\nprint 'loss', loss\n", 2, 1, "Python 2: `print` is a function"),
        ("if x:\n    print x\n", 2, 5, "Python 2: `print`"),
        ("print >>sys.stderr, x\nx = (\n", 2, 5, ""),
        ("exec 'x = 1'\n", 1, 1, "Python 2: `exec`"),
        ("raise ValueError, 'bad'\n", 1, 1, "Python 2"),
        ("x = a <> b\n", 1, 7, "Python 2: write `!=`"),
        ("x = `a`\n", 1, 5, "Python 2"),
        ("x = 0777\n", 1, 5, "Python 2"),
        ("x = 10L\n", 1, 5, "Python 2"),
        ("y = 1\nx = (1,\n", 2, 5, "never closed"),
        ("def f(:\n    pass\n", 1, 7, "invalid syntax"),
        ("if x:\npass\n", 2, 1, "expected an indented block"),
        ("x = 'größe\n", 1, 5, "unterminated string"),
        ("größe = = 1\n", 1, 9, "invalid syntax"),
        ("x = 1\r\ny = = 1\r\n", 2, 5, "invalid syntax"),
        ("x = 1\n\0\n", 2, 1, "NUL"),
        ("x = '\ud800'\n", 1, 6, "cannot be encoded"),
        ("if x:\n        a\n    b\n", 3, 0, "indent"),
    ],
)
def test_problems_have_a_place_and_plain_words(text: str, row: int, column: int, part: str) -> None:
    problem = parse(text)
    assert isinstance(problem, SyntaxProblem)
    assert problem.row == row
    if column:
        assert problem.column == column
    assert part in problem.message
    assert "\n" not in problem.message
    assert not problem.message.endswith(".")


DEEP = {
    "brackets": lambda n: "x = " + "(" * n + "1" + ")" * n,
    "open brackets": lambda n: "x = " + "[" * n,
    "closing brackets": lambda n: "x = " + ")" * n,
    "lists": lambda n: "x = " + "[" * n + "]" * n,
    "calls": lambda n: "x = " + "f(" * n + ")" * n,
    "minus": lambda n: "x = " + "-" * n + "1",
    "not": lambda n: "x = " + "not " * n + "1",
    "attributes": lambda n: "x = a" + ".b" * n,
    "call chain": lambda n: "x = a" + "()" * n,
    "method chain over lines": lambda n: "x = (a\n" + "  .f(1, 2)\n\n" * n + ")",
    "sum": lambda n: "x = a" + " + a" * n,
    "sum over lines": lambda n: "x = (a\n" + "+ a\n" * n + ")",
    "sum with backslashes": lambda n: "x = a" + " + \\\na" * n,
    "powers": lambda n: "x = a" + "**a" * n,
    "strings": lambda n: "x = " + "'a' " * n,
    "strings over lines": lambda n: "x = (\n" + "  'a'\n" * n + ")",
    "conditions": lambda n: "x = " + "a if b else " * n + "c",
    "lambdas": lambda n: "x = " + "lambda: " * n + "0",
    "ladder": lambda n: "if a:\n  b\n" + "elif a:\n  b\n" * n,
    "blocks": lambda n: "".join(" " * i + "if a:\n" for i in range(min(n, 2000))) + " " * min(n, 2000) + "b",
    "for clauses": lambda n: "x = [a" + " for a in b" * n + "]",
    "dotted import": lambda n: "import a" + ".b" * n,
    "subscripts": lambda n: "x = a" + "[1]" * n,
    "f-string": lambda n: "x = f'{" + "(" * n + ")" * n + "}'",
    "f-string with text": lambda n: "x = f')))) {a" + ".b" * n + "} (((('",
    "patterns": lambda n: "match x:\n case " + "[" * n + "]" * n + ": pass",
    "pattern of classes": lambda n: "match x:\n  case " + "A(b=\n" * n + "1" + ")" * n + ": pass",
    "decorators": lambda n: "@d\n" * n + "def f(): pass",
}  # fmt: skip

CHILD = """
import sys
sys.path.insert(0, {here!r})
from torchlint.syntax.tree import parse, SyntaxProblem
from torchlint.syntax.lower import read
from torchlint.syntax.positions import locate
text = sys.stdin.read()
program = read(text)
locate(text, [0, 1, 2], "a.py")
print(program.message if isinstance(program, SyntaxProblem) else "module")
"""


@pytest.mark.parametrize("kind", DEEP)
@pytest.mark.parametrize("size", [150, 1500, 100_000])
def test_deep_nesting_never_ends_the_process(kind: str, size: int) -> None:
    text = DEEP[kind](size) + "\n"
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(here=str(HERE))], input=text, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr[-500:]
    if size == 150 and not any(word in kind for word in ("brackets", "blocks", "pattern")):
        assert done.stdout == "module\n"


@pytest.mark.parametrize("kind", ["strings over lines", "ladder", "decorators"])
def test_long_but_ordinary_texts_are_parsed(kind: str) -> None:
    assert isinstance(parse(DEEP[kind](3000) + "\n"), cst.Module)


def test_a_large_file_of_markup_and_tables_is_not_mistaken_for_a_deep_one() -> None:
    rows = "".join(
        f"    {{'name': \"it's (a\", 'lr': 1.5e-{i % 9}, 'size': (3, -1)}},  # :) {i}\n" for i in range(3000)
    )
    markup = "".join("<p class='x'>a.b.c {{ ( }} {row.name:>{w}}</p>\n" for _ in range(1500))
    text = f"TABLE = [\n{rows}]\nPAGE = f'''\n{markup}'''\n"
    assert depth.bounds(text)[1] < 50
    assert isinstance(parse(text), cst.Module)


def test_the_bound_is_cheap() -> None:
    text = (HERE / "torchlint" / "syntax" / "lower_expr.py").read_text(encoding="utf-8") * 20
    start = time.process_time()
    assert depth.needed_stack(text[:100_000]) is not None
    assert time.process_time() - start < 0.05


def test_five_megabytes_in_bounded_time() -> None:
    path = "/data/imagenet/train/n01440764/" + "x" * 200
    text = "".join(f"train_{i} = load({i}, '{path}_{i}.jpeg')\n" for i in range(19_000))
    assert len(text) > 5_000_000
    start = time.process_time()
    program = read(text)
    assert not isinstance(program, SyntaxProblem)
    assert len(program.body) == 19_000
    assert time.process_time() - start < 60


@pytest.mark.parametrize(("start", "end"), [("[", "]"), ("(a, ", ")"), ("{0: ", "}"), ("Point(x=", ")")])
@pytest.mark.parametrize("levels", [5, 8, 20, 60])
def test_nested_patterns_take_bounded_time(start: str, end: str, levels: int) -> None:
    text = f"case = [((([[[[x]]]])))]\nmatch x:\n    case {start * levels}y{end * levels}:\n        pass\n"
    begin = time.process_time()
    result = parse(text)
    assert time.process_time() - begin < 2
    if levels == 5:
        assert isinstance(result, cst.Module)


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text(text: str) -> None:
    result = parse(text)
    if isinstance(result, SyntaxProblem):
        assert result.row >= 1
        assert result.column >= 1
        assert result.message


def test_real_files_cut_short_or_scrambled() -> None:
    source = (HERE / "torchlint" / "syntax" / "lower.py").read_text(encoding="utf-8")
    chance = random.Random(20)
    marks = "()[]{}'\"\\\n\t :,.=#@f-\r\x0c"
    for _ in range(120):
        start = chance.randrange(len(source))
        text = source[start : start + chance.randrange(2000)]
        for _ in range(chance.randrange(4)):
            at = chance.randrange(len(text) + 1)
            text = text[:at] + chance.choice(marks) + text[at + chance.randrange(2) :]
        read(text)


def test_warnings_about_escapes_are_not_raised_or_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(read("x = '\\d'\ny = = 1\n"), SyntaxProblem)
    assert not isinstance(read("x = '\\d'\n"), SyntaxProblem)
    assert capsys.readouterr().err == ""
