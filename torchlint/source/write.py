"""Files replaced as a whole: whoever looks, at whatever moment, sees the old content or the new one.

Definitions
    target   the file that is replaced: where `path` is a link, what it leads to, so that the link stays one
    staged   the new content in a temporary file beside the target, on the disk, with the target's mode and owner
    leaving  a temporary file of a process that was killed between staging and replacing

Worked example: ``write_atomically("train.py", b"...")`` writes ``.torchlint-6f0c1d2a93b4e857.tmp`` beside ``train.py``,
asks the system to put it on the disk, and renames it to ``train.py``. If any of that fails the temporary file is gone
and ``train.py`` is as it was.

A leaving is harmless: its name has no suffix of a file that is linted, and the next write in its folder removes it. A
live process holds a lock on its temporary file, and the system drops that lock however the process ends.
Hard links are parted: the other names of a file keep the old content.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_TEMPORARY = re.compile(r"\.torchlint-[0-9a-f]{16}\.tmp")


class ChangedError(Exception):
    """A file no longer holds what was read from it; `path` is its name."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: has changed since it was read")
        self.path = path


@dataclass(frozen=True, slots=True)
class Rewriting:
    """A file that holds `old` and shall hold `new`."""

    path: str
    old: bytes
    new: bytes


def write_atomically(path: str, content: bytes) -> None:
    """Give a file this content, all at once; it need not exist yet, its folder must.

    Mode, owner and extended attributes of a file that exists are kept as far as the system allows.

    Raises:
        OSError: it cannot be written, is read-only, or is no regular file; then it is as it was.
    """
    remove_leavings([path])
    staged = _Staged(path, content)
    try:
        staged.commit()
    finally:
        staged.discard()


def rewrite_together(files: Sequence[Rewriting]) -> None:
    """Replace the content of files that belong together: all of them, or none if anything is wrong with one.

    Everything that may fail is done before the first file is replaced. Should a replacing itself fail, those before it
    are taken back. Only a process that is killed within these few renames leaves some files new and some old.

    Raises:
        ChangedError: a file does not hold its old content any more.
        OSError: a file cannot be written, is read-only, or is no regular file; `filename` names it.
    """
    staged: list[_Staged] = []
    done: list[Rewriting] = []
    try:
        for file in files:
            staged.append(_Staged(file.path, file.new))
        for file in files:
            if Path(file.path).read_bytes() != file.old:
                raise ChangedError(file.path)
        for one, file in zip(staged, files):
            one.commit()
            done.append(file)
    except BaseException:
        for file in done if len(done) < len(files) else ():
            write_atomically(file.path, file.old)
        raise
    finally:
        for one in staged:
            one.discard()


def remove_leavings(paths: Iterable[str]) -> None:
    """Remove what killed processes left beside the files at these paths."""
    for folder in sorted({os.path.dirname(os.path.realpath(path)) for path in paths}):
        try:
            with os.scandir(folder) as entries:
                found = [e.path for e in entries if _TEMPORARY.fullmatch(e.name) and e.is_file(follow_symlinks=False)]
        except OSError:
            continue
        for path in found:
            _remove_leaving(path)


class _Staged:
    """New content beside its target."""

    def __init__(self, path: str, content: bytes) -> None:
        self._path = path
        self._target = os.path.realpath(path)
        before = _of_target(self._target, path)
        self._temporary = ""
        self._descriptor = -1
        try:
            self._open(0o666 if before is None else 0o600)
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            if before is not None:
                _keep(self._target, before, self._descriptor)
            os.fsync(self._descriptor)
        except BaseException as error:
            self.discard()
            if isinstance(error, OSError):
                error.filename = path
            raise

    def commit(self) -> None:
        """Put it in the place of its target."""
        if sys.platform == "win32":  # an open file cannot be renamed there, nor removed by others
            self._close()
        try:
            os.replace(self._temporary, self._target)
        except OSError as error:
            error.filename, error.filename2 = self._path, None
            raise
        self._temporary = ""
        _sync_folder(os.path.dirname(self._target))

    def discard(self) -> None:
        """Leave nothing behind; after `commit` there is nothing but the descriptor."""
        temporary, self._temporary = self._temporary, ""
        if sys.platform == "win32":
            self._close()
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)
        self._close()

    def _open(self, mode: int) -> None:
        """A new file with a lock on it."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        folder = os.path.dirname(self._target)
        while True:
            temporary = os.path.join(folder, f".torchlint-{os.urandom(8).hex()}.tmp")
            self._descriptor = os.open(temporary, flags, mode)
            self._temporary = temporary
            if not _lock(self._descriptor, wait=True) or _is_same(temporary, self._descriptor):
                return
            self._close()  # taken for a leaving before it was locked

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _of_target(target: str, path: str) -> os.stat_result | None:
    """What there is to keep of a file; None if there is no such file.

    Raises:
        OSError: it must not be replaced.
    """
    try:
        found = os.stat(target)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", path)
    # a rename asks nothing of the file that it replaces, so a protection is heeded here, also for an administrator
    if not found.st_mode & 0o222 or not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is read-only", path)
    return found


def _keep(target: str, before: os.stat_result, descriptor: int) -> None:
    """Give a new file the owner, the attributes and the mode of another, as far as that is allowed."""
    if sys.platform == "win32":
        return
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        for owner in (before.st_uid, -1):
            try:
                os.fchown(descriptor, owner, before.st_gid)
                break
            except OSError:
                continue
    if sys.platform == "linux":
        try:
            for name in os.listxattr(target):
                os.setxattr(descriptor, name, os.getxattr(target, name))
        except OSError:
            pass
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))  # last, since a new owner takes bits of the mode away


def _lock(descriptor: int, *, wait: bool) -> bool:
    """Whether a file could be locked. Some file systems have no locks: there leavings stay."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def _is_same(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except OSError:
        return False


def _remove_leaving(path: str) -> None:
    """Remove a temporary file unless somebody works on it."""
    try:
        if sys.platform == "win32":  # where an open file cannot be removed
            os.unlink(path)
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return
    try:
        if _lock(descriptor, wait=False) and _is_same(path, descriptor):
            os.unlink(path)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _sync_folder(folder: str) -> None:
    """Ask the system to put a renaming on the disk; not every system can."""
    if sys.platform == "win32":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
