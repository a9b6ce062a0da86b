"""Signatures: the parameters of what a contract describes, and how the arguments of a call fill them."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from torchlint.flow.values import UNKNOWN, Const, Tuple, Value, has_rest, make_list


class ContractError(ValueError):
    """A table that cannot be used: the message names the file, the row and the key."""


#: Names that torch takes for others, as numpy has them.
ALIASES = (("axis", "dim"), ("keepdims", "keepdim"))


class Parameter(msgspec.Struct, frozen=True):
    """One parameter: `default` is None where the caller must give it; kind is ``any``, ``keyword`` or ``*``/``**``."""

    name: str
    default: Value | None = None
    kind: str = "any"


class Signature(msgspec.Struct, frozen=True):
    """The parameters of a callable, in order."""

    params: tuple[Parameter, ...]
    positional: tuple[str, ...] = msgspec.field(default=())
    names: frozenset[str] = msgspec.field(default=frozenset())

    def bind(self, args: Sequence[Value], keywords: Mapping[str, Value]) -> dict[str, Value]:
        """Arguments by parameter name, defaults filled in.

        Nothing is refused: surplus positional arguments (and those of ``*args``) are a tuple under ``"*"``, and
        keywords that the signature does not name are kept under their own names. Where an unknown number of arguments
        is passed, what is not given by name may be among them.
        """
        bound: dict[str, Value] = dict(zip(self.positional, args))
        if len(args) > len(self.positional):
            bound["*"] = Tuple(tuple(args[len(self.positional) :]))
        bound.update(keywords)
        for name, other in ALIASES:
            if name in bound and name not in self.names and other in self.names:
                bound[other] = bound.pop(name)
        more = "**" in keywords or has_rest(args)
        for parameter in self.params:
            if parameter.default is not None and parameter.name not in bound:
                bound[parameter.name] = UNKNOWN if more else parameter.default
        return bound


def _literal(node: ast.expr) -> Value | None:
    """A default; None for ``...``, which says that there is one."""
    literal = ast.literal_eval(node)
    return None if literal is ... else _value(literal)


def _value(x: Any) -> Value:
    if isinstance(x, tuple):
        return Tuple(tuple(_value(e) for e in x))
    if isinstance(x, list):
        return make_list(_value(e) for e in x)
    if x is None or isinstance(x, (bool, int, float, str)):
        return Const(x)
    raise ValueError(f"{x!r} cannot be a default")


@cache
def parse_signature(text: str) -> Signature:
    """The signature that ``"(input, weight, *, stride=1)"`` stands for; its defaults are literals, or ``...`` where
    there is one that is none."""
    try:
        return _signature(text)
    except (SyntaxError, ValueError) as error:
        raise ContractError(f"{text!r} is not a signature: {error}") from error


def _signature(text: str) -> Signature:
    if not (text.startswith("(") and text.endswith(")")):
        raise ValueError("it needs parentheses")
    tree = ast.parse(f"lambda {text[1:-1]}: 0", mode="eval").body
    if not isinstance(tree, ast.Lambda) or not isinstance(tree.body, ast.Constant):
        raise ValueError("it is more than parameters")
    given = tree.args
    plain = [*given.posonlyargs, *given.args]
    missing: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults))
    params: list[Parameter] = []
    for argument, default in zip(plain, missing + list(given.defaults)):
        params.append(Parameter(argument.arg, None if default is None else _literal(default)))
    positional = tuple(p.name for p in params)
    if given.vararg is not None:
        params.append(Parameter(given.vararg.arg, None, "*"))
    for argument, default in zip(given.kwonlyargs, given.kw_defaults):
        params.append(Parameter(argument.arg, None if default is None else _literal(default), "keyword"))
    if given.kwarg is not None:
        params.append(Parameter(given.kwarg.arg, None, "**"))
    return Signature(tuple(params), positional, frozenset(p.name for p in params))
