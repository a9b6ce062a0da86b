"""Settings as values: what may be configured, where it is written, and what is wrong with it.

A file is linted under the nearest ``pyproject.toml`` that has ``[tool.torchlint]``, or ``torchlint.toml``, in its
folder or one above. Files are not merged with each other, except that ``extend`` names one that this one builds on:
its keys hold where this one does not give them, and its contracts beside those of this one.

**Invariant:** a `Settings` is complete and checked: whoever holds one asks no file and raises nothing. No setting can
make torchlint run code, so that a repository's own configuration may be trusted with all of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from torchlint.flow.library import complaints, reader
from torchlint.flow.library.tables import KINDS, ContractError, Table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NAMES = ("torchlint.toml", "pyproject.toml")


class ConfigError(Exception):
    """A configuration that cannot be used; the message names the file and the key."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a file is linted.

    select: codes, prefixes of codes or names of the rules to run; None for all but the informative ones.
    extend_select, ignore: rules to add, rules to leave out; the longer prefix wins, and `ignore` wins a tie.
    exclude: patterns as in ``.gitignore``, relative to `folder`, beside those that are always excluded.
    respect_gitignore: whether files that git ignores are passed over.
    contracts: tables of contracts beside torchlint's own; later ones override earlier ones, name by name.
    folder: the folder of the file that says so; patterns and paths start there. files: what was read to know all this.
    """

    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    respect_gitignore: bool = True
    contracts: tuple[Table, ...] = ()
    folder: str = "."
    files: tuple[str, ...] = field(default=(), compare=False)

    def overridden(
        self, select: Iterable[str] | None = None, extend_select: Iterable[str] = (), ignore: Iterable[str] = ()
    ) -> Settings:
        """These settings under a stronger voice: its `select` replaces all three, the others add."""
        if select is not None:
            return replace(self, select=tuple(select), extend_select=tuple(extend_select), ignore=tuple(ignore))
        added = tuple(extend_select)
        kept = tuple(selector for selector in self.ignore if selector not in added)
        return replace(self, extend_select=self.extend_select + added, ignore=kept + tuple(ignore))


def nearest(folder: Path) -> Path | None:
    """The configuration file that holds for files in `folder`; None if there is none up to the root."""
    for place in (folder, *folder.parents):
        for name in NAMES:
            candidate = place / name
            if os.path.isfile(candidate) and table(candidate) is not None:
                return candidate
    return None


def read(path: Path) -> Settings:
    """The settings that a file gives.

    Raises:
        ConfigError: it cannot be read, is no TOML, or has an unknown key or a value of the wrong kind.
    """
    return _read(path, ())


def with_values(settings: Settings, text: str, origin: str) -> Settings:
    """`settings` with the keys of a line of TOML such as ``ignore = ["TL201"]`` replaced; paths start in the working
    folder.

    Raises:
        ConfigError: as `read` does; `origin` says where the text stood.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{origin}: {error}") from error
    if "extend" in values:
        raise ConfigError(f"{origin}: `extend` belongs in a file")
    return _apply(settings, values, origin, Path())


def table(path: Path) -> Mapping[str, Any] | None:
    """The table of torchlint's keys in a file; None if a ``pyproject.toml`` has none.

    Raises:
        ConfigError: the file cannot be read or is no TOML.
    """
    try:
        values = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    if path.name != "pyproject.toml":
        return values
    tool = values.get("tool", {})
    found = tool.get("torchlint") if isinstance(tool, dict) else None
    if found is not None and not isinstance(found, dict):
        raise ConfigError(f"{path}: `tool.torchlint` must be a table")
    return found


def _read(path: Path, seen: tuple[Path, ...]) -> Settings:
    resolved = path.resolve()
    if resolved in seen:
        raise ConfigError(f"{path}: `extend` leads back to this file")
    values = dict(table(path) or {})
    base = Settings(folder=str(path.parent))
    if "extend" in values:
        target = values.pop("extend")
        if not isinstance(target, str):
            raise ConfigError(f"{path}: `extend` must be the path of a file")
        base = _read(path.parent / target, (*seen, resolved))
    settings = _apply(base, values, str(path), path.parent)
    named = (table.origin for table in settings.contracts if table.origin != str(path))
    return replace(settings, folder=str(path.parent), files=tuple(dict.fromkeys((*base.files, str(path), *named))))


def _apply(settings: Settings, values: Mapping[str, Any], origin: str, folder: Path) -> Settings:
    changes: dict[str, Any] = {}
    known = {one.name for one in fields(Settings)} - {"folder", "files"}
    for key, value in values.items():
        name = key.replace("-", "_")
        if name not in known:
            options = sorted({"extend", *(option.replace("_", "-") for option in known)})
            raise ConfigError(f"{origin}: unknown key `{key}`{complaints.meant(key, options)}")
        if name == "contracts":
            changes[name] = settings.contracts + _contracts(value, origin, folder)
        else:
            changes[name] = _KINDS.get(name, _strings)(value, f"{origin}: `{key}`")
    return replace(settings, **changes)


def _contracts(value: object, origin: str, folder: Path) -> tuple[Table, ...]:
    """The tables that the key `contracts` names, and those that stand below it."""
    where = f"{origin}: `contracts`"
    tree = value if isinstance(value, dict) else {"files": value}
    paths = tree.get("files", [])
    if not isinstance(value, list | dict):
        raise ConfigError(f"{where} must be a list of files and folders, or a table of contracts")
    named = _strings(paths, f"{where}: `files`" if tree is value else where)
    written = {kind: rows for kind, rows in tree.items() if kind != "files"}
    for kind in written.keys() - KINDS.keys():
        raise ConfigError(f"{where}: no kind of contract is called `{kind}`{complaints.meant(kind, {*KINDS, 'files'})}")
    prefix = "tool.torchlint.contracts." if origin.endswith("pyproject.toml") else "contracts."
    try:
        tables = [table for path in named for table in _tables(path, where, folder)]
        if written:
            tables.append(reader.teach(written, origin, prefix))
    except ContractError as error:
        raise ConfigError(str(error)) from error
    return tuple(tables)


def _tables(path: str, where: str, folder: Path) -> list[Table]:
    """The tables of a file or folder that a configuration in `folder` names."""
    full = os.path.join(folder, path)
    if not os.path.exists(full):
        raise ConfigError(f"{where}: no such file or folder: {full}")
    files = reader.files_of(full)
    if not files:
        raise ConfigError(f"{where}: no *.toml in the folder {full}")
    return [reader.teach(reader.load_tree(file), file) for file in files]


def _strings(value: object, where: str) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(item, str) and item for item in value):
        return tuple(value)
    raise ConfigError(f"{where} must be a list of strings")


def _flag(value: object, where: str) -> bool:
    if isinstance(value, bool):
        return value
    raise ConfigError(f"{where} must be true or false")


_KINDS: dict[str, Callable[[object, str], object]] = {"respect_gitignore": _flag}
