"""Plain files, read without waiting: a pipe may never say anything, and a device never end.

Every run imports this, so it imports next to nothing.
"""

from __future__ import annotations

import os
import stat

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class NotPlainError(OSError):
    """There is something that is no plain file."""


def read_plain(path: str, flags: int = 0, most: int | None = None) -> bytes:
    """The content of a plain file; `flags` are for `os.open`.

    Raises:
        NotPlainError: it is something else, or has more than `most` bytes.
        OSError, ValueError: it cannot be read, or its name cannot be one.
    """
    descriptor = os.open(path, _FLAGS | flags)
    with open(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or (most is not None and status.st_size > most):
            raise NotPlainError
        return file.read()


def read_or_none(path: str) -> bytes | None:
    """The content of a plain file, or None if it cannot be had."""
    try:
        return read_plain(path)
    except (OSError, ValueError):
        return None
