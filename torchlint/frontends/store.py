"""What is kept between runs, in the user's cache folder.

Definitions
    entry  a file that holds a mark, a digest of what follows, and the content
    kind   a folder of entries

A cache is a convenience: whatever goes wrong with it, the run goes on without. An entry is written beside its place and
moved there, so that it is whole or not there at all, also for another process; one that is torn, too large, of
another program or no plain file is as good as none, and the next run writes it anew. Nothing in it is ever run: a
stranger who can write there can make torchlint say something wrong, as he could by changing the linted files.

Worked example: ``put("records", b"\\x0a\\x1b", b"...")`` makes ``records/0a/0a1b``.
"""

from __future__ import annotations

import os

from torchlint.frontends.plain import read_plain
from torchlint.source.digest import LENGTH, digest

MARK = b"torchlint 1\n"
MOST_BYTES = 64 << 20
KEPT_DAYS = 30


class DiskStore:
    """Entries below a folder; neither `get` nor `put` raises."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._ready: set[str] = set()

    def get(self, kind: str, key: bytes) -> bytes | None:
        """The content of an entry, or None."""
        try:
            data = _read(self._path(kind, key))
        except OSError:
            return None
        content = data[len(MARK) + LENGTH :]
        whole = data.startswith(MARK) and data[len(MARK) : len(MARK) + LENGTH] == digest(content)
        return content if whole else None

    def put(self, kind: str, key: bytes, content: bytes) -> None:
        """Keep an entry, if that can be done."""
        path = self._path(kind, key)
        folder = os.path.dirname(path)
        beside = f"{path}.{os.getpid()}.new"
        try:
            if folder not in self._ready:
                self._prepare(folder)
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            with open(descriptor, "wb") as file:
                file.write(MARK + digest(content) + content)
            os.replace(beside, path)
        except OSError:
            _remove(beside)

    def _path(self, kind: str, key: bytes) -> str:
        name = key.hex()
        return os.path.join(self.folder, kind, name[:2], name)

    def _prepare(self, folder: str) -> None:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if not self._ready:
            _mark(self.folder)
        self._ready.add(folder)

    def clear(self) -> None:
        """Remove all entries.

        Raises:
            OSError: one cannot be removed.
        """
        for path in _entries(self.folder):
            os.unlink(path)

    def prune(self, now: float) -> None:
        """Once a day, remove entries that were written more than `KEPT_DAYS` ago; `now` in seconds since the epoch."""
        last = os.path.join(self.folder, "pruned")
        try:
            if now - os.stat(last).st_mtime < 86_400:
                return
        except OSError:
            pass
        try:
            with open(last, "wb"):
                pass
            for path in _entries(self.folder):
                if now - os.lstat(path).st_mtime > KEPT_DAYS * 86_400:
                    os.unlink(path)
        except OSError:
            pass


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:  # it was never made, or the folder cannot be written
        return


def _read(path: str) -> bytes:
    """A plain file that is not too large, and not behind a link."""
    return read_plain(path, getattr(os, "O_NOFOLLOW", 0), MOST_BYTES)


def _mark(folder: str) -> None:
    """Tell backup programs and git that nothing here is worth keeping."""
    for name, content in (
        ("CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55\n# Made by torchlint.\n"),
        (".gitignore", b"*\n"),
    ):
        try:
            with open(os.path.join(folder, name), "xb") as file:
                file.write(content)
        except FileExistsError:
            pass


def _entries(folder: str) -> list[str]:
    """Every entry, half-written ones included; whatever else stands there is somebody's. No link is followed."""
    found: list[str] = []
    for place, folders, files in os.walk(folder):
        folders.sort()
        part = os.path.basename(place)
        if os.path.dirname(os.path.dirname(place)) == folder.rstrip(os.sep):
            folders.clear()
            found += (path for name in sorted(files) if _is_entry(part, name, path := os.path.join(place, name)))
    return found


def _is_entry(part: str, name: str, path: str) -> bool:
    """Whether a file in the folder `part` of a kind is one that `DiskStore.put` made, as far as it came."""
    key, _, rest = name.partition(".")
    if len(part) != 2 or not key.startswith(part) or key.strip("0123456789abcdef"):
        return False
    if rest:
        return rest.endswith(".new")
    try:
        return _read(path).startswith(MARK)
    except OSError:
        return False


class Reading:
    """A store in which nothing new is put."""

    def __init__(self, store: DiskStore) -> None:
        self.get = store.get

    def put(self, kind: str, key: bytes, content: bytes) -> None:
        """Keep nothing."""
