"""Paths and places as other programs want them: from the project's folder, as URIs, in bytes and UTF-16 units.

Worked example: with the folder ``/srv/app``, ``relative("src/../a b.py", "/srv/app")`` is ``a b.py``, whose reference
is ``a%20b.py`` and whose URI is ``file:///srv/app/a%20b.py``; ``/etc/x.py`` lies outside, so it has no relative form.
"""

from __future__ import annotations

import os
import posixpath
from urllib.parse import quote


def absolute(path: str, folder: str) -> str:
    """The full path, with forward slashes and without ``..``."""
    return _normal(posixpath.join(_slashed(folder), _slashed(path)))


def relative(path: str, folder: str) -> str | None:
    """The path from the folder on, or None if it does not lie in it."""
    full, base = absolute(path, folder), _normal(_slashed(folder)).rstrip("/") + "/"
    return full[len(base) :] if full.startswith(base) and full != base else None


def shortest(path: str, folder: str) -> str:
    """The path from the folder on, or else the full one."""
    inside = relative(path, folder)
    return absolute(path, folder) if inside is None else inside


def reference(path: str) -> str:
    """A path as a URI reference: all but unreserved characters and slashes is percent-encoded, even what is no text."""
    return quote(path.encode("utf-8", "surrogateescape" if _only_escapes(path) else "surrogatepass"), safe="/")


def uri(path: str, folder: str) -> str:
    """The ``file:`` URI of a path."""
    full = absolute(path, folder)
    return "file://" + ("" if full.startswith("/") else "/") + reference(full)


def utf16(line: str, column: int) -> int:
    """The UTF-16 code units before a column, which counts code points from 1."""
    return sum(2 if ord(character) > 0xFFFF else 1 for character in line[: column - 1]) + max(0, column - 1 - len(line))


def utf8(line: str, column: int) -> int:
    """The bytes of UTF-8 before a column, which counts code points from 1."""
    return len(line[: column - 1].encode("utf-8", "surrogatepass")) + max(0, column - 1 - len(line))


def _slashed(path: str) -> str:
    return path.replace(os.sep, "/")


def _normal(path: str) -> str:
    """Normalised; POSIX lets a path begin with two slashes, which in a URI would begin a host."""
    return "/" + path.lstrip("/") if (path := posixpath.normpath(path)).startswith("//") else path


def _only_escapes(path: str) -> bool:
    """Whether every surrogate stands for a byte that Python could not decode (PEP 383)."""
    return all(0xDC80 <= ord(character) <= 0xDCFF for character in path if 0xD800 <= ord(character) <= 0xDFFF)
