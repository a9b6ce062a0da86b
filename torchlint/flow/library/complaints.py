"""What is wrong with a table of contracts, in words: the row, the key, and the word that was probably meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from types import NoneType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from torchlint.flow.library.rules import WORDS, unknown_word
from torchlint.flow.library.tables import (
    KINDS,
    Caller,
    ContractError,
    Engine,
    Loss,
    Model,
    Module,
    Operation,
    Row,
    Sink,
    Table,
    Wrapper,
    names_of,
    parse_signature,
)

#: More words than these are not listed in a message.
MOST_WORDS = 16


def kind_of(row: Row) -> str:
    """The word for the kind of a row."""
    return type(row).__name__.lower()


def at(row: Row, prefix: str = "") -> str:
    """Where a row stands in its table: its kind and name."""
    return f"[[{prefix}{kind_of(row)}]] {row.name}"


def in_table(table: Table, row: Row, problem: str) -> str:
    """A problem with a row, and where that row stands."""
    return f"{table.origin}: {at(row, table.prefix)}: {problem}"


def meant(word: str, words: Iterable[str]) -> str:
    """The end of a sentence about a wrong word: which was meant, or which there are; empty if that says nothing."""
    known = sorted(w for w in words if w)
    begun = sorted((w for w in known if len(word) > 2 and w.startswith(word)), key=len)
    close = get_close_matches(word, known, n=1) or begun
    if close:
        return f"; did you mean `{close[0]}`?"
    listed = ", ".join(f"`{w}`" for w in known)
    return f"; there are {listed}" if 0 < len(known) <= MOST_WORDS else ""


def complaint(tree: Mapping[str, Any], prefix: str = "") -> str | None:
    """The first thing in a tree that makes it no table of rows."""
    for kind, rows in tree.items():
        if kind not in KINDS:
            return f"no kind of contract is called `{kind}`{meant(kind, KINDS)}"
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return f"`{kind}` must be a list of tables, each below [[{prefix}{kind}]]"
        for number, row in enumerate(rows, 1):
            problem = _of_row(row, KINDS[kind])
            if problem is not None:
                name = row.get("name")
                return f"[[{prefix}{kind}]] {name if isinstance(name, str) else f'number {number}'}: {problem}"
    return None


def _of_row(row: Mapping[str, Any], of_kind: type[Row]) -> str | None:
    fields = {field.name: field for field in msgspec.structs.fields(of_kind)}
    hints = get_type_hints(of_kind)
    for key in row:
        if key not in fields:
            return f"unknown key `{key}`{meant(key, fields)}"
    for name, field in fields.items():
        if field.required and name not in row:
            return f"`{name}` is missing{_words(hints[name])}"
    for key, value in row.items():
        try:
            msgspec.convert(value, hints[key])
        except msgspec.ValidationError:
            words = get_args(hints[key]) if get_origin(hints[key]) is Literal else ()
            if words and isinstance(value, str):
                return f"`{key}` is no word that there is: {value!r}{meant(value, words)}"
            return f"`{key}` must be {_type(hints[key])}, not {_shown(value)}"
    return None


def _words(hint: Any) -> str:
    return meant("", get_args(hint)) if get_origin(hint) is Literal else ""


def _type(hint: Any) -> str:
    """A type, as a person would call it."""
    if get_origin(hint) is Literal:
        return "a word" + _words(hint)
    if get_origin(hint) is Union:
        return " or ".join(_type(part) for part in get_args(hint) if part is not NoneType)
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        plural = {str: "strings", int: "whole numbers", float: "numbers"}.get(inner[0], "words")
        return f"a list of {plural}" if inner[-1] is ... else f"a pair of {plural}"
    return {str: "a string", bool: "true or false", int: "a whole number", float: "a number"}[hint]


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def wrong_word(row: Row, key: str) -> str:
    """What to say of a word that names no rule."""
    word = getattr(row, key)
    return f"`{key}` is no word that there is: {word!r}{meant(word, WORDS[key])}"


# --- what does not go together -----------------------------------------------------------------------------------


def mistake(table: Table) -> str | None:
    """The first thing in a table of rows that cannot be meant."""
    seen: dict[str, Row] = {}
    for row in table.rows:
        problem = next(_mistakes(row), None)
        if problem is not None:
            return f"{at(row, table.prefix)}: {problem}"
        for name in names_of(row):
            if seen.setdefault(name, row) is not row:
                first = at(seen[name], table.prefix)
                return f"{at(row, table.prefix)}: `{name}` has a contract already, {first}"
    return None


def _mistakes(row: Row) -> Iterator[str]:
    for name in names_of(row):
        if "." not in name or not all(part.isidentifier() for part in name.split(".")):
            yield f"{name!r} is not the full name by which a program imports it, such as `package.module.Name`"
    for key in ("signature", "call_signature"):
        text = getattr(row, key, "")
        try:
            parse_signature(text or "()")
        except ContractError as error:
            yield f"`{key}`: {error}"
    wrong = unknown_word(row) if isinstance(row, (Module, Operation)) else None
    if wrong is not None:
        yield wrong_word(row, wrong)
    if isinstance(row, Operation) and not isinstance(row.range, str) and row.range[0] > row.range[1]:
        yield "`range` ends before it begins"
    if isinstance(row, Loss) and row.applies and row.takes not in ("logits", "value"):
        yield f"`applies` is {row.applies!r}, so the loss takes logits, but `takes` is {row.takes!r}"
    stray = stray_parameter(row) if row.signature else None
    if stray is not None:
        yield stray


_NAMING: Mapping[type[Row], Callable[[Any], Mapping[str, tuple[str, ...]]]] = {
    Wrapper: lambda row: {"argument": (row.argument,)},
    Sink: lambda row: {"argument": (row.argument,)},
    Module: lambda row: {"expects": (row.expects,)},
    Caller: lambda row: {"calls": (row.calls,)},
    Engine: lambda row: {
        key: (getattr(row, key),)
        for key in ("model", "loss", "process", "loader", "prepare", "transform", "inferer", "metrics")
    },
    Model: lambda row: {
        "classes_param": (row.classes_param,), "in_channels_param": (row.in_channels_param,),
        "activation_param": (row.activation_param,), "pretrained_params": row.pretrained_params,
        "trained_param": (row.trained_param,),
    },
}  # fmt: skip


def stray_parameter(row: Row) -> str | None:
    """The first key of a row that names a parameter which its signature does not have, in words."""
    names = [p.name for p in row.parameters.params]
    if any(p.kind == "**" for p in row.parameters.params):
        return None
    for key, value in _parameters(row):
        if value not in names:
            return f"`{key}` names no parameter: {value!r}{meant(value, names)}"
    return None


def _parameters(row: Row) -> Iterator[tuple[str, str]]:
    """The keys that name parameters, with those that they name."""
    for key, values in _NAMING.get(type(row), lambda _: {})(row).items():
        yield from ((key, value) for value in values if value not in ("", "*"))


def unknown_operation(table: Table, row: Module, operations: Iterable[str]) -> str:
    """What to say of a layer that calls no operation that there is."""
    names = list(operations)
    close = meant(row.calls, names) or meant("torch." + row.calls.rsplit(".", 1)[-1], names)
    return in_table(table, row, f"`calls` names no operation: {row.calls!r}{close}")
