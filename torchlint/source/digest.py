"""By what content is known again: one digest for all that is kept or compared."""

from __future__ import annotations

try:
    from _blake2 import blake2b  # what hashlib gives, without the time that hashlib takes to import
except ImportError:  # pragma: no cover
    from hashlib import blake2b

#: Its length in bytes.
LENGTH = 20


def digest(content: bytes) -> bytes:
    """The digest of content: `LENGTH` bytes of BLAKE2b."""
    return blake2b(content, digest_size=LENGTH).digest()
