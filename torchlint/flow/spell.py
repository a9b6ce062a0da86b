"""Expressions as the user spelled them, for messages and trails."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile

from torchlint.flow.join import by_chance
from torchlint.syntax import ir

#: Longer texts are cut in the middle of their arguments.
LONGEST = 60


def spell(node: ir.Expr | None) -> str:
    """A short, readable text of an expression; ``…`` for parts that would not help."""
    if node is None:
        return ""
    text = _spell(node)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def passed(node: ir.Expr | None, names: Sequence[str]) -> dict[str, ir.Expr]:
    """The arguments of a call as they stand there, by parameter; of a comparison or of arithmetic, its two sides.

    Args:
        names: the positional parameters, in order.
    """
    if isinstance(node, ir.Compare) and len(node.comparators) == 1:
        return {"input": node.left, "other": node.comparators[0]}
    if isinstance(node, ir.BinOp):
        return {"input": node.left, "other": node.right}
    if not isinstance(node, ir.Call):
        return {}
    plain = takewhile(lambda argument: not isinstance(argument, ir.Starred), node.args)
    found: dict[str, ir.Expr] = dict(zip(names, plain))
    found.update((keyword.name, keyword.value) for keyword in node.keywords if keyword.name is not None)
    return found


#: How strongly operators bind; what is no operator binds most.
STRENGTH = {"|": 1, "^": 2, "&": 3, "<<": 4, ">>": 4, "+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "%": 6, "@": 6, "**": 8}
ATOM = 9


def _operand(node: ir.Expr, depth: int, strength: int) -> str:
    """The text of a part, in parentheses where it binds less strongly than what it stands in."""
    own = ATOM
    if isinstance(node, ir.BinOp):
        own = STRENGTH.get(node.op, 0)
    elif isinstance(node, ir.UnaryOp):
        own = 7 if node.op != "not" else 0
    elif isinstance(node, (ir.Compare, ir.BoolOp, ir.IfExp, ir.Lambda)):
        own = 0
    text = _spell(node, depth)
    return text if own >= strength else f"({text})"


def _spell(node: ir.Expr, depth: int = 0) -> str:
    if depth > 9:
        return "…"
    d = depth + 1
    if isinstance(node, ir.Name):
        return node.name
    if isinstance(node, ir.Attr):
        return f"{_operand(node.value, d, ATOM)}.{node.name}"
    if isinstance(node, ir.Const):
        return repr(node.value)
    if isinstance(node, ir.Call):
        parts = [_spell(a, d) for a in node.args]
        parts += [f"{k.name}={_spell(k.value, d)}" if k.name else f"**{_spell(k.value, d)}" for k in node.keywords]
        return f"{_operand(node.func, d, ATOM)}({', '.join(parts)})"
    if isinstance(node, ir.Subscript):
        several = isinstance(node.index, ir.TupleExpr) and len(node.index.items) > 1
        inner = _spell(node.index, d)
        return f"{_operand(node.value, d, ATOM)}[{inner[1:-1] if several else inner}]"
    if isinstance(node, ir.Slice):
        pieces = [_spell(p, d) if p is not None else "" for p in (node.lower, node.upper)]
        return ":".join(pieces) + (f":{_spell(node.step, d)}" if node.step is not None else "")
    if isinstance(node, ir.TupleExpr):
        return "(" + ", ".join(_spell(i, d) for i in node.items) + ("," if len(node.items) == 1 else "") + ")"
    if isinstance(node, ir.ListExpr):
        return "[" + ", ".join(_spell(i, d) for i in node.items) + "]"
    if isinstance(node, ir.BinOp):
        strength = STRENGTH.get(node.op, 0)
        return f"{_operand(node.left, d, strength)} {node.op} {_operand(node.right, d, strength + 1)}"
    if isinstance(node, ir.UnaryOp):
        return f"{node.op}{' ' if node.op == 'not' else ''}{_operand(node.operand, d, STRENGTH['*'])}"
    if isinstance(node, ir.Compare):
        rest = "".join(f" {op} {_spell(c, d)}" for op, c in zip(node.ops, node.comparators))
        return _spell(node.left, d) + rest
    if isinstance(node, ir.BoolOp):
        return f" {node.op} ".join(_spell(v, d) for v in node.values)
    if isinstance(node, ir.Starred):
        return "*" + _spell(node.value, d)
    if isinstance(node, ir.IfExp):
        return f"{_spell(node.body, d)} if {_spell(node.test, d)} else {_spell(node.orelse, d)}"
    return "…"


def spell_key(key: object) -> str:
    """The unknown test that a guard's key names, as text; empty if it has no good name."""
    if isinstance(key, tuple) and key:
        kind = key[0]
        if kind in ("name", "fresh"):
            return str(key[1])
        if kind == ".":
            inner = spell_key(key[1])
            return f"{inner}.{key[2]}" if inner else ""
        if kind == "contains":
            inner = spell_key(key[1])
            return f"{key[2]!r} in {inner}" if inner else ""
        if kind == "method":
            inner = spell_key(key[1])
            return f"{inner}.{key[2]}({', '.join(map(repr, key[3]))})" if inner else ""
        if kind in ("len", "int", "float", "str"):
            inner = spell_key(key[1])
            return f"{kind}({inner})" if inner else ""
        if kind in ("==", "in", "<", ">", "<=", ">=", "is"):
            inner = spell_key(key[1])
            right = spell_key(key[2]) if isinstance(key[2], tuple) else repr(key[2])
            return f"{inner} {kind} {right}" if inner and right else ""
        if kind == "not":
            inner = spell_key(key[1])
            return f"not {inner}" if inner else ""
        if kind == "[]":
            inner = spell_key(key[1])
            return f"{inner}[{key[2]!r}]" if inner else ""
    return ""


def unnamed(guard: Iterable[tuple[object, bool]]) -> bool:
    """Whether a test was decided that has no name and is no draw: one of values that the program computed."""
    return any(not spell_key(key) for key, _ in guard if not by_chance(key))


def spell_guard(guard: tuple[tuple[object, bool], ...]) -> str:
    """A guard as text: ``args.sigmoid and not args.fast``; parts without a name are left out."""
    parts = []
    decided = {key[1] for key, way in guard if way and isinstance(key, tuple) and key[0] == "=="}
    for key, way in guard:
        if by_chance(key):
            continue
        if not way and isinstance(key, tuple) and key[0] == "==" and key[1] in decided:
            continue
        text = spell_key(key)
        if text:
            parts.append(text if way else f"not {text}" if " " not in text else f"not ({text})")
    return " and ".join(parts)
