"""From text to libcst's tree, or to the reason why there is none.

Worked example: ``parse("print 'loss', loss\\n")`` is ``SyntaxProblem(1, 1, "this looks like Python 2: `print` is a
function in Python 3")``.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

import libcst as cst
import msgspec

from torchlint.syntax import depth

# The extension module comes without types.
parse_native: Callable[[str], cst.Module] = import_module("libcst.native").parse_module


class SyntaxProblem(msgspec.Struct, frozen=True):
    """Why a text has no tree: a place, counted from 1, and a message in plain words."""

    row: int
    column: int
    message: str


TOO_DEEP = SyntaxProblem(1, 1, "nested too deeply to be analysed")
_NO_MEMORY = SyntaxProblem(1, 1, "too little memory to parse this file")

_PYTHON_2 = (
    (r"^[ \t\f]*print[ \t]+[^\s=(.\[]|^[ \t\f]*print[ \t]*>>", "`print` is a function in Python 3"),
    (r"^[ \t\f]*exec[ \t]+[^\s=(.\[]", "`exec` is a function in Python 3"),
    (r"^[ \t\f]*raise[ \t]+[\w.]+[ \t]*,", "write `raise Error(message)`"),
    (r"^[ \t\f]*except[ \t]+[\w.]+[ \t]*,[ \t]*\w+[ \t]*:", "write `except Error as name`"),
    (r"<>", "write `!=` for `<>`"),
    (r"`", "write `repr(x)` for backquotes"),
    (r"\b[uU][rR]['\"]", "`ur` strings are gone in Python 3"),
    (r"\b0\d+[lL]?\b|\b\d+[lL]\b", "write octal numbers as `0o17`, and no `L` after a number"),
)
_NATIVE_PLACE = r"error at (\d+):(\d+)"


def parse(text: str) -> cst.Module | SyntaxProblem:
    """The tree of `text`. Never raises: what cannot be parsed, or is nested too deeply, is a `SyntaxProblem`."""
    size, problem = _prepare(text)
    if problem is not None:
        return problem
    try:
        return depth.run_with_stack(size, lambda: parse_here(text))
    except MemoryError:
        return _NO_MEMORY


#: Files from which on they are parsed in bulk.
MANY = 16


@contextmanager
def in_bulk(files: int) -> Iterator[None]:
    """While so many files are parsed, the nodes that the parser makes are not checked one by one.

    libcst checks every node as it is made: those too that its parser makes of a text which it has just found to be
    right, which is a sixth of the time of parsing. What changes a class makes Python forget what it knows of the class,
    so this is done for many files or not at all.
    """
    check = getattr(cst.CSTNode, _CHECK, None)
    if files < MANY or check in (None, _no_check):
        yield
        return
    setattr(cst.CSTNode, _CHECK, _no_check)
    try:
        yield
    finally:
        setattr(cst.CSTNode, _CHECK, check)


_CHECK = "__post_init__"


def _no_check(node: cst.CSTNode) -> None:
    """What a parsed node needs by way of a check."""


def parses(text: str) -> bool:
    """Whether a text is Python."""
    return not isinstance(parse(text), SyntaxProblem)


def _prepare(text: str) -> tuple[int, SyntaxProblem | None]:
    nul = text.find("\0")
    if nul >= 0:
        return 0, _at(text, nul, "a NUL byte: this is no text file")
    size = depth.needed_stack(text)
    return (0, TOO_DEEP) if size is None else (size, None)


def parse_here(text: str) -> cst.Module | SyntaxProblem:
    """As `parse`, for a caller that has seen to a stack of `depth.needed_stack` bytes."""
    try:
        return parse_native(text)
    except cst.ParserSyntaxError as error:
        return _explain(text, error.message)
    except UnicodeError as error:
        return _at(text, getattr(error, "start", 0), "a character that cannot be encoded")
    except RecursionError:
        return TOO_DEEP
    except MemoryError:
        return _NO_MEMORY
    except BaseException as error:  # a panic of the native parser is no Exception
        return SyntaxProblem(1, 1, f"the parser failed: {error}")


def _explain(text: str, message: str) -> SyntaxProblem:
    """Why `text` is no Python: asked of CPython's own parser, whose messages and places are far better."""
    place = re.search(_NATIVE_PLACE, message)
    row, column = (int(place[1]), int(place[2])) if place else (1, 1)
    words = "invalid syntax" if place else message.removeprefix("tokenizer error: ")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        row, column, words = error.lineno or row, error.offset or 1, error.msg
    except (ValueError, MemoryError, RecursionError):
        pass
    lines = text.splitlines() if "\r" in text else text.split("\n")
    row = min(max(row, 1), max(len(lines), 1))
    line = lines[row - 1] if lines else ""
    for pattern, cure in _PYTHON_2:
        found = re.search(pattern, line)
        if found and not line.lstrip().startswith("#"):
            start = found.start() + len(found[0]) - len(found[0].lstrip())
            return SyntaxProblem(row, start + 1, f"this looks like Python 2: {cure}")
    column = min(max(column, 1), len(line) + 1)
    words = words.removesuffix(".").split("\n")[0]
    return SyntaxProblem(row, column, words[:1].lower() + words[1:])


def _at(text: str, index: int, message: str) -> SyntaxProblem:
    before = re.split(r"\r\n|\r|\n", text[:index])
    return SyntaxProblem(len(before), len(before[-1]) + 1, message)
