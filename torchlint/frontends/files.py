"""The files of a run, and the settings that hold for each."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from torchlint.config import Settings, nearest, read, with_values
from torchlint.frontends.documents import MARKDOWN
from torchlint.frontends.outcome import UsageError
from torchlint.frontends.replay import holds_python
from torchlint.source.discover import SUFFIXES, discover
from torchlint.source.text import DecodeError, decode


@dataclass(slots=True)
class Configuration:
    """Settings by path: those of the nearest file, unless one was named, under what the command line says.

    given: values of ``--config``, each a file or ``KEY=VALUE``; isolated: read no configuration file that was not
    named; select, extend_select, ignore, exclude: from the command line.
    """

    given: Sequence[str] = ()
    isolated: bool = False
    select: Sequence[str] | None = None
    extend_select: Sequence[str] = ()
    ignore: Sequence[str] = ()
    exclude: Sequence[str] = ()
    respect_gitignore: bool = True
    markdown: bool = False
    _by_folder: dict[Path, Settings] = field(default_factory=dict)

    def of(self, path: str) -> Settings:
        """The settings for a file, or for a folder that is searched.

        Raises:
            ConfigError: a configuration file is wrong.
        """
        place = Path(os.path.abspath(path))
        folder = place if place.is_dir() else place.parent
        if folder not in self._by_folder:
            self._by_folder[folder] = self._read(folder)
        return self._by_folder[folder]

    def files(self) -> list[str]:
        """The configuration files that were read, and the tables that they name."""
        return [file for settings in self._by_folder.values() for file in settings.files]

    def _read(self, folder: Path) -> Settings:
        named = [item for item in self.given if not _is_value(item)]
        if named:
            settings = read(Path(named[-1]))
        else:
            file = None if self.isolated else nearest(folder)
            settings = read(file) if file is not None else Settings(folder=os.curdir)
        for item in filter(_is_value, self.given):
            settings = with_values(settings, item, f"--config {item!r}")
        settings = settings.overridden(self.select, self.extend_select, self.ignore)
        return replace(settings, respect_gitignore=settings.respect_gitignore and self.respect_gitignore)


def _is_value(item: str) -> bool:
    return "=" in item and not Path(item).is_file()


@dataclass(slots=True)
class Sources:
    """The content of files, as far as it was asked for: those that are linted (`given`) and those they import."""

    given: Mapping[str, bytes]
    _further: dict[str, bytes | None] = field(default_factory=dict)
    _texts: dict[str, str | None] = field(default_factory=dict)

    def further(self) -> Iterator[tuple[str, bytes | None]]:
        """Every further file that was asked for, with its content, or None where there was none."""
        yield from self._further.items()

    def context(self, path: str) -> bytes | None:
        """The content of a file beyond those given, or None if it cannot be had.

        A path that ends in ``/`` asks for a folder: no bytes if it is there and holds Python files.
        """
        if path not in self._further:
            self._further[path] = (b"" if holds_python(path) else None) if path.endswith("/") else _read_or_none(path)
        return self._further[path]

    def text(self, path: str) -> str | None:
        """The text of a file, or None if it has none."""
        if path not in self._texts:
            content = self.given[path] if path in self.given else self.context(path)
            self._texts[path] = None if content is None else decode_or_none(content)
        return self._texts[path]


def decode_or_none(content: bytes) -> str | None:
    """The text of a file, or None if it is none."""
    try:
        return decode(content)
    except DecodeError:
        return None


def _read_or_none(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes() if Path(path).is_file() else None
    except (OSError, ValueError):  # a name with a NUL, say
        return None


def require(paths: Iterable[str]) -> None:
    """Raises: UsageError: one of the paths does not exist, or is a folder that cannot be searched."""
    missing: list[str] = []
    for path in paths:
        try:
            found = os.stat(path)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            missing.append(path)
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
        else:
            if stat.S_ISDIR(found.st_mode) and not is_searchable(path):
                raise UsageError(f"{path}: cannot be read: {os.strerror(errno.EACCES)}")
    if missing:
        raise UsageError(f"no such file or folder: {', '.join(missing)}")


def is_searchable(folder: str) -> bool:
    """Whether the files in a folder can be found and read."""
    return os.access(folder, os.R_OK | os.X_OK)


def read_file(path: str) -> bytes:
    """The content of a file that is linted. Nothing else is opened for long: a pipe may never say anything, and a
    device never end.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UsageError(f"{path}: neither a file nor a folder; `-` stands for standard input")
            return file.read()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error


def find(
    paths: Iterable[str],
    configuration: Configuration,
    *,
    force_exclude: bool,
    listed: Callable[[str], None] | None = None,
) -> list[str]:
    """The files to lint, each once, in a fixed order; `paths` exist. listed: is told every folder that is searched.

    Raises:
        ConfigError: a configuration file is wrong.
    """
    found: dict[str, str] = {}
    for path in paths:
        settings = configuration.of(path)
        # patterns that start here let the search pass over whole folders; the others are applied to what it finds
        here = settings.exclude if os.path.abspath(settings.folder) == os.getcwd() else ()
        files = discover(
            [path],
            exclude=[*here, *configuration.exclude],
            respect_gitignore=settings.respect_gitignore,
            force_exclude=force_exclude,
            listed=listed,
            suffixes=(*SUFFIXES, *MARKDOWN) if configuration.markdown else SUFFIXES,
        )
        named = os.path.isfile(path) and not force_exclude
        for file in files:
            if named or not _excluded(file, configuration.of(file)):
                # a file that is meant by several paths is linted once, under its shortest name
                key = os.path.abspath(file)
                found[key] = min(found.get(key, file), file, key=lambda name: (len(name), name))
    return list(found.values())


def _excluded(file: str, settings: Settings) -> bool:
    """Whether a file matches the patterns of its own configuration, which start from that configuration's folder."""
    if not settings.exclude:
        return False
    from pathspec import GitIgnoreSpec  # slow to import, and most runs do without

    try:
        relative = Path(os.path.abspath(file)).relative_to(os.path.abspath(settings.folder))
    except ValueError:  # a configuration that was named on the command line need not stand above
        return False
    return GitIgnoreSpec.from_lines(settings.exclude).match_file(relative.as_posix())
