"""Settings as values: what may be configured, where it is written, and what is wrong with it.

A file is linted under the nearest ``pyproject.toml`` that has ``[tool.torchlint]``, or ``torchlint.toml``, in its
folder or one above. Files are not merged with each other, except that ``extend`` names one that this one builds on.

**Invariant:** a `Settings` is complete and checked: whoever holds one asks no file and raises nothing. No setting can
make torchlint run code, so that a repository's own configuration may be trusted with all of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

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
    contracts: folders with further tables of contracts; later ones override earlier ones.
    folder: the folder of the file that says so; patterns and paths start there.
    """

    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    respect_gitignore: bool = True
    contracts: tuple[str, ...] = ()
    folder: str = "."

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
            if candidate.is_file() and table(candidate) is not None:
                return candidate
    return None


def read(path: Path) -> Settings:
    """The settings that a file gives.

    Raises:
        ConfigError: it cannot be read, is no TOML, or has an unknown key or a value of the wrong kind.
    """
    return _read(path, ())


def with_values(settings: Settings, text: str, origin: str) -> Settings:
    """`settings` with the keys of a line of TOML such as ``ignore = ["TL201"]`` replaced.

    Raises:
        ConfigError: as `read` does; `origin` says where the text stood.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{origin}: {error}") from error
    if "extend" in values:
        raise ConfigError(f"{origin}: `extend` belongs in a file")
    return _apply(settings, values, origin, Path(settings.folder))


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
    return replace(_apply(base, values, str(path), path.parent), folder=str(path.parent))


def _apply(settings: Settings, values: Mapping[str, Any], origin: str, folder: Path) -> Settings:
    changes: dict[str, Any] = {}
    known = {field.name for field in fields(Settings)} - {"folder"}
    for key, value in values.items():
        name = key.replace("-", "_")
        if name not in known:
            options = ", ".join(sorted(option.replace("_", "-") for option in known))
            raise ConfigError(f"{origin}: unknown key `{key}`; known are extend, {options}")
        changes[name] = _KINDS.get(name, _strings)(value, f"{origin}: `{key}`")
    if "contracts" in changes:
        changes["contracts"] = tuple(os.path.join(folder, item) for item in changes["contracts"])
    return replace(settings, **changes)


def _strings(value: object, where: str) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(item, str) and item for item in value):
        return tuple(value)
    raise ConfigError(f"{where} must be a list of strings")


def _flag(value: object, where: str) -> bool:
    if isinstance(value, bool):
        return value
    raise ConfigError(f"{where} must be true or false")


_KINDS: dict[str, Callable[[object, str], object]] = {"respect_gitignore": _flag}
