"""The settings that hold for each path, and where each was given."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from torchlint.config import ConfigError, Loaded, Origin, Pattern, Settings, in_folder, load, with_line
from torchlint.config.keys import KEYS, Place, Wrong
from torchlint.config.values import ADDING
from torchlint.source.discover import excluded_by_default, matcher

if TYPE_CHECKING:
    import argparse

COMMAND_LINE = Origin("command line")


class Configuration:
    """Settings by path: those of the nearest file, unless one was named, under what the command line says.

    given: values of ``--config``, each a file or ``KEY=VALUE``; isolated: read no configuration file that was not
    named; said: what the other options say, by the name of a field of `Settings`.
    """

    def __init__(
        self, given: Sequence[str] = (), isolated: bool = False, said: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        self.given = given
        self.isolated = isolated
        self.said = said
        self._by_folder: dict[str, Loaded] = {}
        self._files: dict[str, Path | None] = {}
        self._by_file: dict[str, Settings] = {}
        self._matchers: dict[tuple[Pattern, ...], Callable[[str, bool], bool]] = {}

    def of(self, path: str) -> Settings:
        """The settings for a file, or for a folder that is searched.

        Raises:
            ConfigError: a configuration file is wrong.
        """
        place = os.path.abspath(path)
        if place not in self._by_file:
            folder = os.path.isdir(place)
            settings = self._of_folder(place if folder else os.path.dirname(place)).settings
            self._by_file[place] = settings if folder else self._narrowed(settings, place)
        return self._by_file[place]

    def origins(self, path: str) -> Mapping[str, tuple[Origin, ...]]:
        """Where the settings for a path were given, by the name of the key; those that are not there are defaults."""
        place = os.path.abspath(path)
        found = self._of_folder(place if os.path.isdir(place) else os.path.dirname(place)).origins()
        if "select" in self.said:
            for name in ("extend-select", "ignore", "extend-ignore"):
                found.pop(name, None)
        for key in KEYS.values():
            if key.field in self.said:
                before = found.get(key.name, ()) if key.field in ADDING else ()
                found[key.name] = (*before, COMMAND_LINE)
        return found

    def file(self, path: str) -> str | None:
        """The configuration file that holds for a path."""
        place = os.path.abspath(path)
        found = self._file(place if os.path.isdir(place) else os.path.dirname(place))
        return None if found is None else str(found)

    def files(self) -> list[str]:
        """The configuration files that were read, and the tables that they name."""
        return list(dict.fromkeys(file for loaded in self._by_folder.values() for file in loaded.settings.files))

    def source(self, path: str, selector: str) -> str:
        """Where the settings for a path name a rule, as the beginning of a message; empty for the command line."""
        settings, origins = self.of(path), self.origins(path)
        for name in ("select", "extend-select", "ignore", "extend-ignore", "per-file-ignores", "fixable", "unfixable"):
            words = getattr(settings, KEYS[name].field) or ()
            if name == "per-file-ignores":
                words = [word for _, row in words for word in row]
            for origin in origins.get(name, ()) if selector in words else ():
                if origin.line:
                    return f"{origin}: `{name}`: "
        return ""

    def excluded(self, path: str, is_folder: bool) -> bool:
        """Whether a full path is passed over by the settings of the folder that it stands in.

        Raises:
            ConfigError: the configuration file of that folder is wrong.
        """
        settings = self._of_folder(os.path.dirname(path)).settings
        if settings.exclude is None and excluded_by_default(path, is_folder):
            return True
        patterns = (*(settings.exclude or ()), *settings.extend_exclude)
        return bool(patterns) and self._matching(patterns)(path, is_folder)

    def _narrowed(self, settings: Settings, path: str) -> Settings:
        """The settings with what they leave out in this one file."""
        ignored: list[str] = []
        for pattern, words in settings.per_file_ignores:
            negated = pattern.text.startswith("!")
            plain = pattern._replace(text=pattern.text[1:]) if negated else pattern
            if self._matching((plain,))(path, False) is not negated:
                ignored += words
        return replace(settings, ignored_here=tuple(ignored)) if ignored else settings

    def _matching(self, patterns: tuple[Pattern, ...]) -> Callable[[str, bool], bool]:
        """Whether patterns match a full path, or a folder above it; the last that says anything decides."""
        if patterns not in self._matchers:
            groups: dict[str, list[str]] = {}
            for pattern in patterns:
                folder = os.path.abspath(pattern.folder)
                groups.setdefault(folder, []).append(_from(folder, pattern.text))
            matchers = [matcher(folder, lines) for folder, lines in groups.items()]

            def match(path: str, is_folder: bool) -> bool:
                asked = path + "/" if is_folder else path
                return any(one(asked) for one in matchers)

            self._matchers[patterns] = match
        return self._matchers[patterns]

    def _of_folder(self, folder: str) -> Loaded:
        if folder not in self._by_folder:
            file = self._file(folder)
            known = self._by_folder.get(f"\0{file}")
            self._by_folder[folder] = self._by_folder[f"\0{file}"] = known or self._load(file)
        return self._by_folder[folder]

    def _file(self, folder: str) -> Path | None:
        """The configuration file that holds in a folder."""
        named = [item for item in self.given if not _is_value(item)]
        if named:
            return Path(named[-1])
        if self.isolated:
            return None
        if folder not in self._files:
            above = os.path.dirname(folder)
            found = in_folder(Path(folder))
            self._files[folder] = self._file(above) if found is None and above != folder else found
        return self._files[folder]

    def _load(self, file: Path | None) -> Loaded:
        loaded = Loaded(Settings(folder=os.curdir)) if file is None else load(file, named=str(file) in self.given)
        for item in filter(_is_value, self.given):
            loaded = with_line(loaded, item, f"--config {item!r}")
        return Loaded(loaded.settings.overridden(self.said), loaded.texts)


def said_by(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """What the options of a command say of settings, by the name of a field; what they leave open is not there.

    Raises:
        ConfigError: a value cannot be one of a setting.
    """
    place = Place(os.curdir, os.curdir)
    said: dict[str, Any] = {}
    for key in KEYS.values():
        value = getattr(arguments, key.field, None)
        if value is not None:
            try:
                said[key.field] = key.kind.read(value, place)
            except Wrong as error:
                raise ConfigError(f"--{key.name} {error}") from error
    return said


def _is_value(item: str) -> bool:
    return "=" in item and not Path(item).is_file()


def _from(folder: str, pattern: str) -> str:
    """A pattern as git reads it: ``./old`` and a full path start in the folder, as ``/old`` does."""
    negation = "!" if pattern.startswith("!") else ""
    text = pattern[len(negation) :]
    if text.startswith("./"):
        text = text[1:]
    prefix = folder.rstrip(os.sep) + os.sep
    if os.path.isabs(text) and text.startswith(prefix):
        text = "/" + text[len(prefix) :].replace(os.sep, "/")
    return negation + text
