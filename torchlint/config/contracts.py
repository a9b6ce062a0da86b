"""The key ``contracts``: tables of contracts that a configuration names, and those that stand in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from torchlint.config.keys import PATTERNS, STRINGS, Place, Wrong, meant, shown
from torchlint.config.lines import Path, lines_of
from torchlint.config.values import ConfigError
from torchlint.flow.library import reader
from torchlint.flow.library.tables import KINDS, ContractError, Table


def read(value: Any, place: Place) -> tuple[Table, ...]:
    """The tables that the key names, and those that stand below it.

    Raises:
        Wrong: the value is none of these, or a row that stands here is wrong. ConfigError: a file that it names is.
    """
    if not isinstance(value, list | dict):
        raise Wrong(f"must be a list of files and folders, or a table of contracts, not {shown(value)}")
    tree = value if isinstance(value, dict) else {"files": value}
    try:
        paths = STRINGS.read(tree.get("files", []), place)
    except Wrong as error:
        if tree is value:
            raise Wrong(f".files {error}", ("files", *error.below)) from error
        raise
    written = {kind: rows for kind, rows in tree.items() if kind != "files"}
    for kind in written.keys() - KINDS.keys():
        raise Wrong(f"has no kind of contract that is called `{kind}`{meant(kind, [*KINDS, 'files'])}", (kind,))
    tables = [table for number, path in enumerate(paths) for table in _named(path, number, tree is value, place)]
    if written:
        try:
            tables.append(reader.teach(written, place.origin, place.prefix))
        except ContractError as error:
            raise Wrong(f"\0{error}", _faulty(written, str(error))) from error
    return tuple(tables)


def schema() -> Mapping[str, Any]:
    """The schema of the key's value; it refers to `definitions`."""
    strings = PATTERNS.schema()
    kinds = {kind: {"type": "array", "items": {"$ref": f"#/definitions/{row.__name__}"}} for kind, row in KINDS.items()}
    table = {"type": "object", "properties": {"files": strings, **kinds}, "additionalProperties": False}
    return {"anyOf": [strings, table]}


def definitions() -> Mapping[str, Any]:
    """The schemas of rows, by the name of their class."""
    _, found = msgspec.json.schema_components(KINDS.values(), ref_template="#/definitions/{name}")
    for row in found.values():
        row.pop("description", None)  # written for those who read the class
    return found


def _named(path: str, number: int, in_table: bool, place: Place) -> list[Table]:
    """The tables of a file or folder that a configuration names."""
    below = ("files", number) if in_table else (number,)
    full = os.path.join(place.paths, path)
    if "\0" in path or not os.path.exists(full):
        raise Wrong(f"names no file or folder: {full}", below)
    files = reader.files_of(full)
    if not files:
        raise Wrong(f"names a folder without *.toml: {full}", below)
    return [_table(file, below) for file in files]


def _table(file: str, below: Path) -> Table:
    if not os.path.isfile(file):  # a pipe or a device may never end
        raise Wrong(f"names no file: {file}", below)
    tree: Mapping[str, Any] = {}
    try:
        tree = reader.load_tree(file)
        return reader.teach(tree, file)
    except ContractError as error:
        raise ConfigError(_placed(file, tree, str(error))) from error
    except RecursionError as error:
        raise ConfigError(f"{file}: nested too deeply") from error


def _placed(file: str, tree: Mapping[str, Any], problem: str) -> str:
    """A problem with a table, after the file and, where it is known, the line."""
    path = _faulty(tree, problem)
    if not path:
        return problem
    with open(file, encoding="utf-8-sig", newline="") as text:
        lines = lines_of(text.read())
    line = next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), None)
    return problem if line is None else f"{file}:{line}{problem.removeprefix(file)}"


def _faulty(tree: Mapping[str, Any], problem: str) -> Path:
    """The way to the row, and the key in it, that a problem is about."""
    for kind, rows in tree.items():
        if kind not in KINDS:
            return (kind,)
        if not isinstance(rows, list):
            return (kind,)
        for number, row in enumerate(rows):
            try:
                reader.teach({kind: [row]}, "")
            except ContractError:
                named = [key for key in row if f"`{key}`" in problem] if isinstance(row, dict) else []
                return (kind, number, *named[:1])
    for kind, rows in tree.items():  # each row is right by itself: the last that is named has a twin
        for number, row in reversed(list(enumerate(rows))):
            if f"{row['name']}: " in problem:
                return (kind, number)
    return ()
