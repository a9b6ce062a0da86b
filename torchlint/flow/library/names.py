"""The names by which a program may import a file."""

from __future__ import annotations

import posixpath
from functools import lru_cache


@lru_cache(maxsize=1024)
def modules_at(path: str) -> tuple[str, ...]:
    """The names by which a file may be imported, longest first: ``app.losses`` and ``losses`` for
    ``app/losses.py``."""
    parts = posixpath.normpath(path.replace("\\", "/")).removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
    first = next((i for i in range(len(parts), 0, -1) if not parts[i - 1].isidentifier()), 0)
    return tuple(".".join(parts[i:]) for i in range(first, len(parts)))
