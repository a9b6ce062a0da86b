"""Configuration files: which holds, what it says, and on which line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace as changed

from torchlint.config.keys import KEYS, Place, Wrong, meant, shown
from torchlint.config.values import ConfigError, Settings

NAMES = ("torchlint.toml", "pyproject.toml")

#: Keys whose values are added to those of the file that is extended, rather than put in their place.
GATHERED = ("contracts", "confirm")


class Origin(NamedTuple):
    """Where a setting was given: a file and a line from 1, or words such as ``command line`` and 0."""

    name: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.name}:{self.line}" if self.line else self.name


class _Text(msgspec.Struct, frozen=True):
    """A TOML text: its values, the name of its file, and what its keys stand below."""

    values: Mapping[str, Any]
    name: str
    text: str
    below: tuple[str, ...] = ()

    def at(self, key: str, below: tuple[str | int, ...] = ()) -> Origin:
        """Where a key stands, or a part of its value."""
        from torchlint.config.lines import lines_of  # most runs ask for no place

        path = (*self.below, key, *below)
        lines = lines_of(self.text) if self.text else {}
        line = next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), 0)
        return Origin(self.name, line)


class Loaded(msgspec.Struct, frozen=True):
    """Settings, and the texts that gave them, each with the keys that it gave, a later one over an earlier one."""

    settings: Settings
    texts: tuple[tuple[_Text, tuple[str, ...]], ...] = ()

    def origins(self) -> dict[str, tuple[Origin, ...]]:
        """By the name of the key, where each setting was given, in several places if they add; a key that is not there
        was not given."""
        found: dict[str, tuple[Origin, ...]] = {}
        for text, names in self.texts:
            for name in names:
                before = found.get(name, ()) if name in GATHERED else ()
                found[name] = (*before, text.at(name))
        return found


def in_folder(folder: Path) -> Path | None:
    """The configuration file of a folder; ``torchlint.toml`` goes before ``pyproject.toml``."""
    for name in NAMES:
        candidate = folder / name
        if os.path.isfile(candidate) and (name != "pyproject.toml" or _speaks_of_us(candidate)):
            return candidate
    return None


def _speaks_of_us(path: Path) -> bool:
    """Whether a ``pyproject.toml`` has our table. One that does not name it is not parsed: it may be anything."""
    try:
        named = b"torchlint" in path.read_bytes()
    except OSError:
        return False
    return named and _read(path) is not None


def load(path: Path, *, named: bool = False) -> Loaded:
    """The settings that a file gives, with the places of keys; if the command line `named` the file, its patterns start
    where we are.

    Raises:
        ConfigError: it cannot be read, is no TOML, or has an unknown key or a value of the wrong kind.
    """
    return _load(path, (), os.curdir if named else None)


def with_line(loaded: Loaded, text: str, origin: str) -> Loaded:
    """Settings with the keys of a line of TOML such as ``ignore = ["TL201"]`` replaced; paths start in the working
    folder.

    Raises:
        ConfigError: as `load` does; `origin` says where the text stood.
    """
    values = _parse(text, origin)
    if "extend" in values:
        raise ConfigError(f"{origin}: `extend` belongs in a file")
    return _apply(loaded, _Text(values, origin, ""), Place(os.curdir, os.curdir, origin, "contracts."))


def _read(path: Path) -> _Text | None:
    """What a file says to torchlint; None if a ``pyproject.toml`` says nothing.

    Raises:
        ConfigError: the file cannot be read or is no TOML.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from error
    values = _parse(text, str(path))
    if path.name != "pyproject.toml":
        return _Text(values, str(path), text)
    tool = values.get("tool", {})
    found = tool.get("torchlint") if isinstance(tool, dict) else None
    if found is None:
        return None
    if not isinstance(found, dict):
        origin = _Text({}, str(path), text, ("tool",)).at("torchlint")
        raise ConfigError(f"{origin}: `tool.torchlint` must be a table, not {shown(found)}")
    return _Text(found, str(path), text, ("tool", "torchlint"))


def _parse(text: str, origin: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):  # slow to import, and many runs meet no configuration
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ConfigError(f"{origin}: nested too deeply") from error
    except ValueError as error:  # besides TOMLDecodeError, numbers of thousands of digits
        raise ConfigError(f"{origin}: {error}") from error


def _load(path: Path, seen: tuple[Path, ...], patterns: str | None) -> Loaded:
    resolved = path.resolve()
    if resolved in seen:
        raise ConfigError(f"{path}: `extend` leads back to this file")
    said = _read(path) or _Text({}, str(path), "")
    folder = str(path.parent)
    values = dict(said.values)
    base = Loaded(Settings())
    prefix = "".join(f"{part}." for part in (*said.below, "contracts"))
    place = Place(folder, folder if patterns is None else patterns, said.name, prefix)
    if "extend" in values:
        target = Path(_value(said, "extend", values.pop("extend"), place))
        if not target.is_file():  # a pipe or a device may never end
            raise ConfigError(f"{said.at('extend')}: `extend` names no file: {target}")
        plain = Path(os.path.normpath(target))  # which is another file where a link is on the way
        target = plain if plain.resolve() == target.resolve() else target
        base = _load(target, (*seen, resolved), patterns)
        base = changed(base, texts=(*base.texts, (said, ("extend",))))
    loaded = _apply(base, changed(said, values=values), place)
    settings = loaded.settings
    named = (table.origin for table in settings.contracts if table.origin != said.name)
    files = tuple(dict.fromkeys((*base.settings.files, said.name, *named)))
    return changed(loaded, settings=replace(settings, folder=place.patterns, files=files))


def _apply(loaded: Loaded, said: _Text, place: Place) -> Loaded:
    """Settings with the keys that a text gives put in the place of theirs; contracts and hints are added."""
    changes: dict[str, Any] = {}
    for name, value in said.values.items():
        if name not in KEYS:
            raise ConfigError(f"{said.at(name)}: unknown key `{name}`{meant(name, KEYS)}")
        found = _value(said, name, value, place)
        before = getattr(loaded.settings, KEYS[name].field)
        changes[KEYS[name].field] = before + found if name in GATHERED else found
    return Loaded(replace(loaded.settings, **changes), (*loaded.texts, (said, tuple(said.values))))


def _value(said: _Text, name: str, value: Any, place: Place) -> Any:
    """A value, read.

    Raises:
        ConfigError: it is of the wrong kind.
    """
    try:
        return KEYS[name].kind.read(value, place)
    except Wrong as error:
        origin = said.at(name, error.below)
        problem = str(error)
        if problem.startswith("\0"):  # a row of contracts, which says where it stands in its table
            raise ConfigError(f"{origin}{problem[1:].removeprefix(said.name)}") from error
        part, _, words = problem.partition(" ") if problem.startswith(".") else ("", "", problem)
        raise ConfigError(f"{origin}: `{name}{part}` {words}") from error
