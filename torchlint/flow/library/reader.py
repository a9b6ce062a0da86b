"""Reads tables of contracts: torchlint's own, and those of a configuration.

Definitions
    tree    a table as TOML has it: the kinds of row, each a list of tables

What a configuration teaches is checked to the last word before anything is analysed: nobody else would see that a
parameter is misspelt. Torchlint's own tables are checked by tests.

Worked example: ``teach({"loss": [{"name": "app.losses.SoftBCE", "takes": "probability"}]}, "lint.toml")`` is a table of
one row.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from torchlint.flow.library.rules import unknown_word
from torchlint.flow.library.tables import KINDS, ContractError, Module, Operation, Row, Table

Tree = Mapping[str, Any]

#: What values range over, by their meaning.
_BELOW = (float("-inf"), 0.0)
RANGES: Mapping[str, tuple[float, float] | str] = {
    "logits": "real", "probability": (0.0, 1.0), "distribution": (0.0, 1.0), "binary": (0.0, 1.0),
    "log-probability": _BELOW, "log-distribution": _BELOW,
}  # fmt: skip


def files_of(path: str) -> list[str]:
    """The tables that a path names: itself, or the files ``*.toml`` of a folder in the order of their names."""
    if not os.path.isdir(path):
        return [path]
    return [os.path.join(path, name) for name in sorted(os.listdir(path)) if name.endswith(".toml")]


def load_tree(path: str) -> Tree:
    """What a TOML file holds.

    Raises:
        ContractError: it cannot be read, or is none.
    """
    return parse_tree(text_of(path), path)


def text_of(path: str) -> str:
    """The text of a TOML file, with line ends of one kind.

    Raises:
        ContractError: it cannot be read, or is no text.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return file.read().replace("\r\n", "\n")
    except OSError as error:
        raise ContractError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ContractError(f"{path}: not a TOML file: {error}") from error


def parse_tree(text: str, path: str) -> Tree:
    """What the text of a TOML file holds; `path` is the file's.

    Raises:
        ContractError: it is no TOML.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:  # pragma: no cover
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ContractError(f"{path}: not a TOML file: {error}") from error


def rows(tree: Tree, origin: str, prefix: str = "") -> Table:
    """The rows of a tree; `prefix` is what its kinds stand below (``tool.torchlint.contracts.``).

    Raises:
        ContractError: a kind, a key or a value is none that there is.
    """
    try:
        return Table(origin, tuple(_rows(tree)), prefix)
    except (KeyError, msgspec.ValidationError) as error:
        from torchlint.flow.library import complaints  # rarely needed, and slow to import

        raise ContractError(f"{origin}: {complaints.complaint(tree, prefix) or error}") from error


def _rows(tree: Tree) -> Iterator[Row]:
    for kind in tree.keys() - KINDS.keys():
        raise KeyError(kind)
    for kind, of_kind in KINDS.items():
        if kind in tree:
            yield from msgspec.convert(tree[kind], list[of_kind])  # type: ignore[valid-type]


def parse_own(text: str, path: str) -> Table:
    """A table of torchlint's own, or a part of one, whose words are right.

    Raises:
        ContractError: it is not a table of rows.
    """
    table = rows(parse_tree(text, path), path)
    for row in table.rows:
        key = unknown_word(row) if isinstance(row, (Module, Operation)) else None
        if key is not None:
            from torchlint.flow.library import complaints

            raise ContractError(f"{path}: {complaints.at(row)}: {complaints.wrong_word(row, key)}")
    return table


def teach(tree: Tree, origin: str, prefix: str = "") -> Table:
    """A table of a configuration, checked; what values range over follows from their meaning if it is left out.

    Raises:
        ContractError: something in it is wrong, or does not go together.
    """
    from torchlint.flow.library import complaints

    table = rows(tree, origin, prefix)
    problem = complaints.mistake(table)
    if problem is not None:
        raise ContractError(f"{origin}: {problem}")
    return Table(origin, tuple(_ranged(row) for row in table.rows), prefix)


def _ranged(row: Row) -> Row:
    if isinstance(row, Operation) and row.range == "unknown" and row.meaning in RANGES:
        return msgspec.structs.replace(row, range=RANGES[row.meaning])
    return row
