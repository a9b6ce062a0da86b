"""The files of a run: which they are, and what they hold."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from torchlint.frontends.configuration import Configuration
from torchlint.frontends.documents import MARKDOWN
from torchlint.frontends.outcome import UsageError
from torchlint.frontends.plain import NotPlainError, read_or_none, read_plain
from torchlint.frontends.replay import holds_python
from torchlint.source.discover import SUFFIXES, discover, is_below, repository
from torchlint.source.text import DecodeError, decode


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
            self._further[path] = (b"" if holds_python(path) else None) if path.endswith("/") else read_or_none(path)
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


def split_class(target: str) -> tuple[str, str]:
    """``FILE`` or ``FILE:CLASS`` as the file, which exists, and the class or nothing.

    Raises:
        UsageError: there is no such file.
    """
    path, name = (target, "") if os.path.exists(target) else (target.rpartition(":")[0], target.rpartition(":")[2])
    if not os.path.exists(path):
        raise UsageError(f"{path or target}: no such file")
    return path, name


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
        raise UsageError(f"no such file or folder: {', '.join(missing)}{_command_meant(missing[0])}")


def _command_meant(word: str) -> str:
    """The end of a sentence about a path that is not there and looks like a command."""
    from difflib import get_close_matches

    from torchlint.frontends.options import PARSERS

    close = get_close_matches(word, PARSERS, n=1, cutoff=0.75)
    return f"; did you mean the command `torchlint {close[0]}`?" if close else ""


def is_searchable(folder: str) -> bool:
    """Whether the files in a folder can be found and read."""
    return os.access(folder, os.R_OK | os.X_OK)


def project_top(path: str, configuration: str | None) -> str:
    """The folder that holds the project of a file, by its full path: the top of its repository, else the folder of its
    `configuration`, else its own folder."""
    folder = os.path.dirname(path)
    top = repository(folder)
    if top is not None:
        return top
    above = os.path.dirname(os.path.abspath(configuration)) if configuration else folder
    return above if is_below(folder, above) else folder


def read_file(path: str) -> bytes:
    """The content of a file that is linted.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return read_plain(path)
    except NotPlainError as error:
        raise UsageError(f"{path}: neither a file nor a folder; `-` stands for standard input") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error


def find(
    paths: Iterable[str],
    configuration: Configuration,
    *,
    force_exclude: bool = False,
    listed: Callable[[str], None] | None = None,
) -> list[str]:
    """The files to lint, each once, in a fixed order; `paths` exist. listed: is told every folder that is searched.

    force_exclude: whether exclusions count for named files whatever their settings say.

    Raises:
        ConfigError: a configuration file is wrong.
    """
    found: dict[str, str] = {}
    for path in paths:
        settings = configuration.of(path)
        files = discover(
            [path],
            excluded=configuration.excluded,
            respect_gitignore=settings.respect_gitignore,
            force_exclude=force_exclude or settings.force_exclude,
            listed=listed,
            suffixes=(*SUFFIXES, *MARKDOWN) if settings.markdown else SUFFIXES,
        )
        for file in files:
            # a file that is meant by several paths is linted once, under its shortest name
            key = os.path.abspath(file)
            found[key] = min(found.get(key, file), file, key=lambda name: (len(name), name))
    return list(found.values())
