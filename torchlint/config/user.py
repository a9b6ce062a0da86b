"""The configuration of the person who runs torchlint: what may be run, which no project can say.

It is one file of the user's own, ``config.toml`` in the folder for the configuration of programs; it has nothing but::

    [confirm]
    enabled = ["~/work"]                 # projects in these folders; or true for all, false for none
    python = "~/envs/torch/bin/python"   # what runs their models
    isolation = "strong"                 # or "basic"

**Invariant:** it is found by the user's own folders alone. Nothing in a linted project leads to it, and it is read by
no code that reads a project's files.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import msgspec

from torchlint.config.keys import meant, shown, toml
from torchlint.config.lines import lines_of
from torchlint.config.values import ConfigError

ISOLATION = ("strong", "basic")
_KEYS = ("enabled", "python", "isolation")


class Allowed(msgspec.Struct, frozen=True):
    """What the user's own configuration says of runs; its `file`, empty if there is none.

    everywhere: models of all projects may be run; folders: those of projects in these, by their full paths. python,
    isolation: empty where it does not say.
    """

    file: str = ""
    everywhere: bool = False
    folders: tuple[str, ...] = ()
    python: str = ""
    isolation: str = ""

    def written(self) -> dict[str, Any]:
        """The table as TOML would have it."""
        enabled: Any = list(self.folders) if self.folders else self.everywhere
        rest = {"python": self.python, "isolation": self.isolation}
        return {"enabled": enabled, **{name: value for name, value in rest.items() if value}}

    def line(self) -> str:
        """The same on one line, each key but the first with its table."""
        return ", confirm.".join(f"{name} = {toml(value)}" for name, value in self.written().items())


def read(path: str) -> Allowed:
    """What the file says; nothing if it is not there.

    Raises:
        ConfigError: it cannot be read or understood.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return Allowed()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from error
    return _Reader(path, text).allowed()


class _Reader:
    def __init__(self, path: str, text: str) -> None:
        self.path, self.text = path, text

    def allowed(self) -> Allowed:
        if sys.version_info >= (3, 11):
            import tomllib
        else:
            import tomli as tomllib
        try:
            values = tomllib.loads(self.text)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{self.path}: {error or 'nested too deeply'}") from error
        for name in values.keys() - {"confirm"}:
            raise self._wrong((name,), f"unknown key `{name}`; your own configuration has `confirm` and no more")
        table = values.get("confirm", {})
        if not isinstance(table, dict):
            raise self._wrong(("confirm",), f"`confirm` must be a table, not {shown(table)}")
        for name in table:
            if name not in _KEYS:
                raise self._wrong(("confirm", name), f"unknown key `confirm.{name}`{meant(name, _KEYS)}")
        everywhere, folders = self._enabled(table.get("enabled", False))
        return Allowed(self.path, everywhere, folders, self._python(table), self._isolation(table))

    def _enabled(self, value: Any) -> tuple[bool, tuple[str, ...]]:
        if isinstance(value, bool):
            return value, ()
        if not isinstance(value, list):
            raise self._wrong(
                ("confirm", "enabled"),
                f"`confirm.enabled` must be true, false or a list of folders, not {shown(value)}",
            )
        for number, one in enumerate(value):
            if not isinstance(one, str) or not _is_full(one):
                raise self._wrong(
                    ("confirm", "enabled", number), f"`confirm.enabled`: {shown(one)} is no full path of a folder"
                )
        return False, tuple(os.path.expanduser(one) for one in value)

    def _python(self, table: dict[str, Any]) -> str:
        value = table.get("python", "")
        if "python" in table and (not isinstance(value, str) or not _is_full(value)):
            raise self._wrong(
                ("confirm", "python"), f"`confirm.python` must be the full path of a Python, not {shown(value)}"
            )
        return os.path.expanduser(str(value))

    def _isolation(self, table: dict[str, Any]) -> str:
        value = table.get("isolation", "")
        if "isolation" in table and value not in ISOLATION:
            raise self._wrong(
                ("confirm", "isolation"),
                f'`confirm.isolation` must be "strong" or "basic", not {shown(value)}',
            )
        return str(value)

    def _wrong(self, path: tuple[str | int, ...], problem: str) -> ConfigError:
        lines = lines_of(self.text)
        line = next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), 0)
        return ConfigError(f"{self.path}:{line}: {problem}" if line else f"{self.path}: {problem}")


def _is_full(path: str) -> bool:
    """Whether a path means the same wherever torchlint works."""
    return "\0" not in path and os.path.isabs(os.path.expanduser(path))
