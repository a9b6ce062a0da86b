"""Whether an edited text says what was meant: its IR is that of the old text, with some expressions exchanged.

Definitions
    exchange  what stands in the place of an expression: another expression, some of whose parts are exchanged in turn;
              None in the place of a statement that is taken out, and `Preceded` for one before which another is put

Worked example: to take the call off ``torch.sigmoid(a + b) * 2`` its node is exchanged for ``a + b``. The text
``a + b * 2`` reads otherwise, ``(a + b) * 2`` says just that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import zip_longest
from types import MappingProxyType
from typing import NamedTuple

from torchlint.syntax import ir
from torchlint.syntax.lower import read
from torchlint.syntax.tree import SyntaxProblem

#: Fields that say nothing of what a node means, or say it again.
_SKIPPED = frozenset({"n", "uses"})


class Exchange(NamedTuple):
    """An expression, and what stands in the place of its parts, by their numbers."""

    node: ir.Expr
    parts: Exchanges = MappingProxyType({})


class Preceded(NamedTuple):
    """A statement before the one with a number."""

    statement: ir.Stmt


Exchanges = Mapping[int, Exchange | Preceded | None]


_KEPT = object()


def expressions(module: ir.Module) -> dict[int, ir.Expr]:
    """The expressions of a file, by their numbers."""
    found: dict[int, ir.Expr] = {}
    stack: list[object] = [module]
    while stack:
        one = stack.pop()
        if isinstance(one, list):
            stack.extend(one)
        elif isinstance(one, ir.Node):
            if isinstance(one, ir.Expr):
                found[one.n] = one
            stack.extend(getattr(one, field) for field in one.__struct_fields__)
    return found


def statements(module: ir.Module) -> dict[int, ir.ExprStmt | ir.Assign]:
    """The statements that are an expression, or assign one, by the number of that expression."""
    found: dict[int, ir.ExprStmt | ir.Assign] = {}
    stack: list[object] = [module]
    while stack:
        one = stack.pop()
        if isinstance(one, list):
            stack.extend(one)
        elif isinstance(one, ir.ExprStmt | ir.Assign):
            found[one.value.n] = one
        elif isinstance(one, ir.Node) and not isinstance(one, ir.Expr):
            stack.extend(getattr(one, field) for field in one.__struct_fields__)
    return found


@lru_cache(maxsize=256)
def expression(text: str) -> ir.Expr | None:
    """The IR of a text that is one expression; None if it is none."""
    found = read(f"({text}\n)\n")
    if isinstance(found, SyntaxProblem) or len(found.body) != 1 or not text.strip():
        return None
    only = found.body[0]
    return only.value if isinstance(only, ir.ExprStmt) else None


@lru_cache(maxsize=64)
def statement(text: str) -> ir.Stmt | None:
    """The IR of a text that is one statement; None if it is none."""
    found = read(f"{text}\n")
    return None if isinstance(found, SyntaxProblem) or len(found.body) != 1 else found.body[0]


def says(text: str, module: ir.Module, exchanges: Exchanges) -> bool:
    """Whether a text reads as a file with these expressions exchanged."""
    found = read(text)
    if isinstance(found, SyntaxProblem):
        return False
    pairs = zip_longest(_flat(module, exchanges), _flat(found, {}))
    return all(one == other for one, other in pairs)


def _in_place_of(item: object, parts: Exchanges) -> tuple[object, ...]:
    """What stands where an item of a list stood: itself, nothing, or another statement and itself."""
    found = parts.get(getattr(item, "n", -1), _KEPT)
    if isinstance(found, Preceded) and not isinstance(item, ir.Expr):
        return found.statement, item
    return () if found is None else (item,)


def _flat(module: ir.Module, exchanges: Exchanges) -> Iterator[tuple[object, object]]:
    """A file, node by node from above; two files that mean the same are the same sequence."""
    stack: list[tuple[object, Exchanges]] = [(module, exchanges)]
    while stack:
        one, parts = stack.pop()
        if isinstance(one, list):
            kept = [new for item in one for new in _in_place_of(item, parts)]
            yield list, len(kept)
            stack.extend((item, parts) for item in reversed(kept))
        elif not isinstance(one, ir.Node):
            yield type(one), one
        elif isinstance(one, ir.Expr) and isinstance(exchange := parts.get(one.n), Exchange):
            stack.append(exchange)
        else:
            yield type(one), None
            for field in one.__struct_fields__:
                if field not in _SKIPPED:
                    stack.append((getattr(one, field), parts))
