"""What comes in from a client, cut into messages, whatever it is.

Definitions
    header  lines such as ``Content-Length: 52``, up to an empty one
    body    as many bytes after it as it says

A header that lies, or that is none, costs the messages that it cuts or swallows, and not all that come after them: the
next line that ends in a length begins another message. What is said here is the library's own form, which knows one
way only to write a header.

Worked example: of ``{"cut": tr`` and ``ue}Content-Length: 2``, an empty line and ``{}``, the library reads ``{}``.
"""

from __future__ import annotations

import re
from typing import BinaryIO

_LENGTH = re.compile(rb"content-length:[ \t]*(\d{1,18})[ \t]*\r?\n\Z", re.IGNORECASE)

#: No message is longer, in bytes: what says so is no header.
MOST = 1 << 30


class Incoming:
    """A stream whose headers are all of one form.

    stream: where the client writes.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readline(self) -> bytes:
        """The next line, empty at the end of the stream: a length, or nothing to speak of."""
        line = self._stream.readline()
        found = _LENGTH.search(line)
        if found is not None and 0 < int(found[1]) <= MOST:
            return b"Content-Length: %d\r\n" % int(found[1])
        return line if not line.strip() else b"-\r\n"

    def read(self, length: int) -> bytes:
        """A body, or what there is of it."""
        return self._stream.read(length)
