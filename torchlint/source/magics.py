"""What IPython understands and Python does not, masked: Python of the same rows and columns stands in its place.

Definitions
    magic   a row such as ``%matplotlib inline``, ``!pip install torch``, ``x = !ls`` or ``torch.nn?``
    mask    what stands for a magic: a comment, ``pass`` in a block, or code that gives something unknown

Worked example: ``%time y = f(x)`` is masked as ``if 1: y = f(x)``, ``y = %time f(x)`` as ``y =       f(x)``, and
``files = !ls`` as ``files = get_ipython()``.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
LINE_END = re.compile(r"\r\n|\r|\n")

#: Cell magics below which stands Python that runs among the names of the other cells.
_PYTHON_MAGICS = frozenset(
    {
        "capture", "debug", "ipytest", "memit", "mprun", "notify", "prun", "pyinstrument", "scalene", "snakeviz",
        "time", "timeit", "wandb",
    }
)  # fmt: skip
# An end of a row is written so that it can be read in one way only; else the time would double with every row.
_ABOVE = r"(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r(?!\n)|\n))*"
CELL_MAGIC = re.compile(rf"{_ABOVE}(?P<row>[ \t]*%%(?P<name>\w*)[^\r\n]*)")

_MAGIC = re.compile(r"[ \t]*(?:[!?]|%%?[A-Za-z_]|%%?\?)")
_TIMED = re.compile(r"(?P<indent>[ \t]*)%time(?P<code>[ \t]+[^-!%\s].*)")
_COMPOUND = re.compile(r"\s*(?:async|class|def|for|if|match|try|while|with|@)\b")
_ASSIGNED = re.compile(r"(?P<target>[ \t]*[A-Za-z_][\w.,*\[\] \t'\":-]*=[ \t]*)(?P<magic>!.*|%[A-Za-z_].*)")
_ASSIGNED_TIME = re.compile(r"%time(?=[ \t]+[^-!%\s])")
_HELP = re.compile(r"[ \t]*%{0,2}[A-Za-z_*][\w.*]*(?:\[[^\]#]*\][\w.]*)*\?{1,2}[ \t]*(?:#.*)?\Z")
_WORDS = (
    "cat cd clear conda cp env less ll load_ext ls mamba man matplotlib mkdir more mv pip pylab reload_ext rm rmdir"
)
#: Magics and commands that IPython understands without a sign, where they stand before something like an argument.
_BARE_MAGIC = re.compile(rf"(?:{'|'.join(_WORDS.split())})[ \t]+[\w./~$\"'{{-].{{0,500}}\Z")
_INDENTED = re.compile(rf"{_ABOVE}[ \t]+[^\s#]")
_HINT = re.compile(rf"^[ \t]*[!%?]|=[ \t]*[!%]|\?[ \t]*(?:#.*)?$|^(?:{'|'.join(_WORDS.split())})[ \t]", re.MULTILINE)

#: What decides where a statement ends: comments, strings, brackets, and the ends of rows.
_TOKEN = re.compile(
    r"""
      \#[^\r\n]*
    | (?P<string>"{3}(?:[^"\\]|\\.|"(?!""))*(?:"{3}|\Z) | '{3}(?:[^'\\]|\\.|'(?!''))*(?:'{3}|\Z)
        | "(?:[^"\\\r\n]|\\(?:\r\n|.))*"? | '(?:[^'\\\r\n]|\\(?:\r\n|.))*'?)
    | (?P<joined>\\(?:\r\n|\r|\n))
    | (?P<end>\r\n|\r|\n)
    | (?P<open>[(\[{])
    | (?P<close>[)\]}])
    | [^\#"'\\\r\n(\[{)\]}]+ | .
    """,
    re.VERBOSE | re.DOTALL,
)

#: Stands for a value of which nothing is known, as it does in what nbconvert writes.
UNKNOWN = "get_ipython()"

_NAMES = r"[A-Za-z_]\w*(?:[ \t]*,[ \t]*\*?[A-Za-z_]\w*)*"
_BINDINGS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"[ \t]*\(?({_NAMES})\)?[ \t]*(?:,[ \t]*)?(?::[^=]*)?(?:[-+*/|&^%@]|//|\*\*|<<|>>)?=(?!=)",
        rf"[ \t]*(?:async[ \t]+)?(?:for|import|from[ \t]+[\w.]+[ \t]+import)[ \t]+\(?({_NAMES})",
        r"[ \t]*(?:async[ \t]+)?(?:def|class|del|global)[ \t]+([A-Za-z_]\w*)",
        r".*\bas[ \t]+([A-Za-z_]\w*)",
        r"[ \t]*([A-Za-z_]\w*)[ \t]*[.\[]",
    )
)
_IMPORT = re.compile(r"(?:import|from)[ \t]+[\w.][\w., \t*]*(?:#.*)?")
_TOLD = re.compile(r"#[^#]*(?:noqa|torchlint).*", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Mask:
    """Where a masked cell is not what the cell itself says: columns of a row, from 1, the end exclusive."""

    row: int
    start: int
    end: int


def masked(source: str) -> tuple[str, list[Mask]]:
    """A cell as Python of the same rows and columns, and what of that is none of its own."""
    if _HINT.search(source) is None:
        return source, []
    out: list[str] = []
    masks: list[Mask] = []
    row = 1
    for piece, found in _pieces(source):
        if found is None:
            out.append(piece)
        else:
            shown, start, end = found
            out.append(shown + piece[len(bare(piece)) :])
            masks.append(Mask(row, start, end))
        row += len(LINE_END.findall(piece))
    return "".join(out), masks


#: What is shown for a row, and the columns, from 1 and exclusive, between which that is not what stands there.
_Masked = tuple[str, int, int]


def _pieces(source: str) -> Iterator[tuple[str, _Masked | None]]:
    """The statements of a cell, and its magics row by row, each with its last end of row."""
    at = 0
    while at < len(source):
        row = _line(source, at)
        mask = _mask(bare(row))
        if mask is None:
            end = _statement_end(source, at)
            yield source[at:end], None
            at = end
            continue
        yield row, mask
        at += len(row)
        while bare(row).endswith("\\") and at < len(source):
            row = _line(source, at)
            yield row, ("#", 1, len(bare(row)) + 1)
            at += len(row)


def bare(row: str) -> str:
    """A row without its end."""
    return row.rstrip("\r\n")


def _line(source: str, at: int) -> str:
    found = LINE.match(source, at)
    assert found is not None
    return found[0]


def _statement_end(source: str, at: int) -> int:
    """Where the statement that begins at an offset ends, with the end of its row."""
    depth = 0
    for token in _TOKEN.finditer(source, at):
        if token["open"]:
            depth += 1
        elif token["close"]:
            depth = max(0, depth - 1)
        elif token["end"] and not depth:
            return token.end()
    return len(source)


def _mask(row: str) -> _Masked | None:
    """A row that begins a statement, masked; None if it is Python."""
    timed = _TIMED.fullmatch(row)
    if timed is not None and _stands_alone(timed["code"]):
        start = len(timed["indent"]) + 1
        return f"{timed['indent']}if 1:{timed['code']}", start, start + len("%time")
    if _MAGIC.match(row) or _HELP.fullmatch(row) or (_BARE_MAGIC.match(row) and not _parses(row.strip())):
        return _whole(row)
    assigned = _ASSIGNED.fullmatch(row)
    if assigned is None:
        return None
    start = assigned.start("magic") + 1
    time = _ASSIGNED_TIME.match(assigned["magic"])
    if time is not None and _stands_alone(assigned["magic"][time.end() :]):
        shown = assigned["target"] + " " * len(time[0]) + assigned["magic"][time.end() :]
        return shown, start, start + len(time[0])
    return assigned["target"] + UNKNOWN, start, len(row) + 1


def _whole(row: str) -> _Masked:
    """A row of which nothing is Python: a comment, but a statement where a block may consist of it."""
    indent = row[: len(row) - len(row.lstrip(" \t"))]
    return f"{indent}pass" if indent else "#", 1, len(row) + 1


def _stands_alone(code: str) -> bool:
    """Whether a row is a simple statement that leaves no bracket and no string open."""
    return _COMPOUND.match(code) is None and _statement_end(f"{code}\n\n", 0) == len(code) + 1


def effects(source: str) -> str:
    """What a cell that is no Python may have done, as Python of as many rows.

    Names that it seems to bind or change are unknown from here on; imports and suppression comments stay.
    """
    names: dict[str, None] = {}
    kept: list[str] = []
    for row in LINE_END.split(source):
        if _is_import(row):
            kept.append(row)
            continue
        told = _TOLD.search(row)
        kept.append(told[0].encode("ascii", "replace").decode().replace("\0", "?") if told is not None else "")
        for pattern in _BINDINGS:
            found = pattern.match(row)
            if found is not None:
                names.update((name, None) for name in _WORD.findall(found[1]) if _is_name(name))
    free = next((index for index, row in enumerate(kept) if not row or row.startswith("#")), None)
    if names and free is not None:
        kept[free] = f"{' = '.join([*names, UNKNOWN])}  {kept[free]}".rstrip()
    return "\n".join(kept)


def _is_import(row: str) -> bool:
    return _IMPORT.fullmatch(row) is not None and _parses(row)


def _parses(row: str) -> bool:
    try:
        ast.parse(row)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


def is_indented(text: str) -> bool:
    """Whether a masked cell begins with an indented statement; IPython takes such an indentation off the whole cell."""
    return _INDENTED.match(text) is not None


def _is_name(word: str) -> bool:
    return word.isidentifier() and not keyword.iskeyword(word) and word not in ("print", "exec")


def runs_elsewhere(source: str) -> bool:
    """Whether a cell magic makes of the whole cell something else than Python among the names of the other cells."""
    magic = CELL_MAGIC.match(source)
    return magic is not None and magic["name"] not in _PYTHON_MAGICS
