"""A run that would be the same as an earlier one in every respect is not made again: what it said is said again.

Definitions
    command   the words of the command line, the working folder, the environment and the streams; its hash is a key
    recorder  hears what a run reads and what it says
    sighting  a file with the digest of its content, or a folder with that of its entries; or that there is none; or
              whether a folder holds Python files

A run is made of its command and of what it saw and of nothing else, so everything that it looks at must be told to its
recorder: files that were linted or imported, folders that were searched, configurations and ignore files, and each
place above where there was none. One sighting that is not as it was, and the run is made.

This module is the start of every run, so it imports next to nothing.
"""

from __future__ import annotations

import os
import sys
import time

from torchlint.frontends.places import cache_folder, own_version
from torchlint.frontends.plain import read_or_none
from torchlint.frontends.store import DiskStore
from torchlint.source.digest import digest

TYPE_CHECKING = False  # as `typing` has it, which takes longer to import than all else here
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TextIO

KIND = "runs"
#: What of the environment may change what a run says.
VARIABLES = (
    "CLICOLOR_FORCE", "COLUMNS", "FORCE_COLOR", "HOME", "LINES", "NO_COLOR", "TERM", "TORCHLINT_CACHE_DIR",
    "XDG_CONFIG_HOME",
)  # fmt: skip
#: What is looked for in the folder of a linted file and in each above it.
ABOVE = ("torchlint.toml", "pyproject.toml", ".gitignore")

_FILE, _FOLDER, _PACKAGE, _THERE = "file", "folder", "package", "there"
_NONE = "none"
_TICK = 10_000_000  # nanoseconds by which a file system's clock may be behind


class Recorder:
    """What a run saw and said."""

    def __init__(self, command: bytes, store: DiskStore) -> None:
        self._command = command
        self.store = store
        self._seen: dict[tuple[str, str], str] = {}
        self._above: set[str] = set()
        self._spoilt = False
        self._started = time.time_ns()
        self._said: tuple[list[str], list[str]] = ([], [])

    def file(self, path: str, content: bytes | None) -> None:
        """The run read a file, or found that it cannot be had."""
        self._seen[_FILE, path] = _NONE if content is None else digest(content).hex()
        self.above(os.path.dirname(os.path.abspath(path)))

    def files(self, paths: Iterable[str]) -> None:
        """The run read files that are small enough to be read again; one that has changed since it began spoils it."""
        for path in paths:
            try:
                changed = os.stat(path).st_ctime_ns
            except (OSError, ValueError):
                changed = self._started
            if changed >= self._started - _TICK:
                self.spoil()
            self.file(path, read_or_none(path))

    def folder(self, path: str) -> None:
        """The run is about to list a folder; what comes into it afterwards is none of what it saw."""
        if (_FOLDER, path) not in self._seen:
            self._seen[_FOLDER, path] = _listing(path)
        self.above(os.path.abspath(path))

    def package(self, path: str) -> None:
        """The run asked whether there is a folder with Python files."""
        self._seen[_PACKAGE, path] = _seen(_PACKAGE, path)

    def there(self, path: str) -> None:
        """The run asked whether there is anything at a path."""
        self._seen[_THERE, path] = _seen(_THERE, path)

    def above(self, folder: str) -> None:
        """The run is about to look for configurations in a folder, by its full path, and in all above it."""
        while folder not in self._above:
            self._above.add(folder)
            for name in ABOVE:
                path = os.path.join(folder, name)
                self._seen.setdefault((_FILE, path), _seen(_FILE, path))
            path = os.path.join(folder, ".git")
            self._seen[_THERE, path] = _seen(_THERE, path)
            if os.path.exists(path):
                path = os.path.join(path, "info", "exclude")
                self._seen.setdefault((_FILE, path), _seen(_FILE, path))
            folder = os.path.dirname(folder)

    def spoil(self) -> None:
        """The run did, or depends on, what no record can say."""
        self._spoilt = True

    def streams(self, out: TextIO, errors: TextIO) -> tuple[Tee, Tee]:
        """Streams that do as these two, and are heard."""
        return Tee(out, self._said[0]), Tee(errors, self._said[1])

    def keep(self, status: int) -> None:
        """The run ended with an exit status: keep it for the next of its kind."""
        parts = [str(status), *("".join(said) for said in self._said)]
        for (kind, path), state in self._seen.items():
            parts += [kind, path, state]
        if not self._spoilt and not any("\0" in part for part in parts):
            self.store.put(KIND, self._command, "\0".join(parts).encode("utf-8", "surrogatepass"))


class Tee:
    """A stream that another hears too."""

    def __init__(self, stream: TextIO, said: list[str]) -> None:
        self._stream = stream
        self._said = said

    def write(self, text: str) -> int:
        """Write and be heard."""
        self._said.append(text)
        return self._stream.write(text)

    @property
    def unheard(self) -> TextIO:
        """The stream itself, for what says how far a run is."""
        return self._stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def begin(words: Sequence[str], environment: Mapping[str, str]) -> Recorder | None:
    """A recorder for a run of ``torchlint check`` with these words; None if nothing is to be kept."""
    try:
        told = [os.getcwd(), *words]
    except OSError:
        return None
    if "--no-cache" in words:
        return None
    told += [f"{name}={environment[name]}" for name in VARIABLES if name in environment]
    told += [f"{stream.isatty()} {stream.encoding}" for stream in (sys.stdout, sys.stderr)]
    command = digest(own_version() + "\0".join(told).encode("utf-8", "surrogatepass"))
    return Recorder(command, DiskStore(_chosen(words) or cache_folder(environment)))


def unheard(stream: TextIO) -> TextIO:
    """A stream past its recorder, if it has one."""
    return stream.unheard if isinstance(stream, Tee) else stream


def _chosen(words: Sequence[str]) -> str:
    """The value of ``--cache-dir``, before the command line is read in earnest."""
    for at, word in enumerate(words):
        if word == "--cache-dir":
            return "".join(words[at + 1 : at + 2])
        if word.startswith("--cache-dir="):
            return word.partition("=")[2]
    return ""


def again(recorder: Recorder) -> int | None:
    """Say what the last run of this kind said, and give its exit status; None if it has to be made."""
    content = recorder.store.get(KIND, recorder._command)
    try:
        status, out, errors, *seen = (content or b"").decode("utf-8", "surrogatepass").split("\0")
        known = int(status)
    except ValueError:
        return None
    if len(seen) % 3 or any(_seen(*seen[at : at + 2]) != seen[at + 2] for at in range(0, len(seen), 3)):
        return None
    sys.stdout.write(out)
    sys.stdout.flush()
    sys.stderr.write(errors)
    return known


def _seen(kind: str, path: str) -> str:
    """The state of a file or folder now."""
    if kind == _FILE:
        content = read_or_none(path)
        return _NONE if content is None else digest(content).hex()
    if kind == _FOLDER:
        return _listing(path)
    if kind == _PACKAGE:
        return str(holds_python(path))
    return str(os.path.exists(path))


def holds_python(folder: str) -> bool:
    """Whether there is such a folder, with Python files in it."""
    try:
        with os.scandir(folder) as entries:
            return any(entry.name.endswith(".py") for entry in entries)
    except (OSError, ValueError):
        return False


def _listing(path: str) -> str:
    """A digest of a folder's entries: their names, which of them are folders, and where links lead."""
    try:
        with os.scandir(path) as entries:
            told = sorted(_entry(entry) for entry in entries if entry.name != "__pycache__")
    except (OSError, ValueError):
        return _NONE
    return digest("\0".join(told).encode("utf-8", "surrogatepass")).hex()


def _entry(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return f"{entry.name}@{os.path.realpath(entry.path)}"
    return f"{entry.name}/" if entry.is_dir() else entry.name
