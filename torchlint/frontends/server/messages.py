"""What the front and a worker say to each other: a length of four bytes, then one struct as msgpack."""

from __future__ import annotations

from typing import Any, BinaryIO, TypeAlias

import msgspec

#: Length prefixes are of so many bytes, the most significant first.
PREFIX = 4


class Configure(msgspec.Struct, tag=True, frozen=True):
    """How to work from now on.

    folder: the worker's folder as the editor names it. listing: whether all files of the folder are linted, or only
    those that are open. encoding: of positions, ``utf-8``, ``utf-16`` or ``utf-32``. configuration: a configuration
    file to use for everything. trusted: whether the editor trusts the workspace. confirm: whether its user wants
    confirmation. debug: whether to tell how long passes take.
    """

    stamp: int
    folder: str
    listing: bool
    encoding: str
    configuration: str | None = None
    trusted: bool = False
    confirm: bool = False
    debug: bool = False


class Buffer(msgspec.Struct, tag=True, frozen=True):
    """An open document, as the editor has it: its full path, its URI, and those of a notebook's cells in their order.

    edited: whether somebody is at work in it.
    """

    stamp: int
    path: str
    uri: str
    version: int
    content: bytes
    cells: tuple[str, ...] = ()
    edited: bool = True


class Closed(msgspec.Struct, tag=True, frozen=True):
    """A document that is open no more."""

    stamp: int
    path: str


class Touched(msgspec.Struct, tag=True, frozen=True):
    """Files that have changed on the disk; `configuration`: one that tells how to lint may be among them."""

    stamp: int
    paths: tuple[str, ...]
    configuration: bool = False


class Ask(msgspec.Struct, tag=True, frozen=True):
    """A question that has one answer: a method of the worker and its arguments."""

    stamp: int
    number: int
    what: str
    arguments: dict[str, Any] = {}


class Forget(msgspec.Struct, tag=True, frozen=True):
    """Nobody waits for the answer to a question any more."""

    stamp: int
    number: int


class Quit(msgspec.Struct, tag=True, frozen=True):
    """End."""

    stamp: int


class Found(msgspec.Struct, tag=True):
    """What a pass found: by URI, the diagnostics as the protocol has them. `stamp` is that of the last message that it
    knows of; `whole`: whether this is all that there is to say, so that any URI that is not there has none."""

    stamp: int
    whole: bool
    diagnostics: dict[str, list[dict[str, Any]]]


class Hint(msgspec.Struct, array_like=True, gc=False):
    """Where a name ends that something is bound to, or its annotation (`annotated`), and the shape and range of that:
    indices of texts, or -1."""

    row: int
    column: int
    shape: int
    range: int
    annotated: bool = False


class Place(msgspec.Struct, array_like=True, gc=False):
    """An expression: rows and columns from 1, in code points, end exclusive; the indices of its text and of the places
    that its value came through, or -1."""

    row: int
    column: int
    last: int
    end: int
    text: int
    trail: int


class Table(msgspec.Struct, tag=True):
    """What is known of the expressions of a document: `texts` hold one line a value; a trail is a list of indices of
    `steps`, which are locations as the protocol has them, where the value begins first. `tall` are the places that take
    several rows, `places` the others, and these and the hints are sorted."""

    stamp: int
    uri: str
    version: int
    texts: list[str]
    tall: list[Place]
    places: list[Place]
    hints: list[Hint]
    trails: list[list[int]]
    steps: list[dict[str, Any]]


class Progress(msgspec.Struct, tag=True):
    """How far the pass over everything is; `of` 0: it is over."""

    phase: str
    done: int
    of: int


class Log(msgspec.Struct, tag=True):
    """Something for the log: ``error``, ``warning``, ``info`` or ``debug``; `shown`: the user should see it."""

    level: str
    text: str
    shown: bool = False


class Settled(msgspec.Struct, tag=True):
    """All that was told up to this stamp is known and looked at."""

    stamp: int


class Reply(msgspec.Struct, tag=True):
    """The answer to a question, or why there is none; `stamp` is that of the last message that it knows of."""

    number: int
    stamp: int
    result: Any = None
    problem: str | None = None


ToWorker: TypeAlias = Configure | Buffer | Closed | Touched | Ask | Forget | Quit
ToFront: TypeAlias = Found | Table | Settled | Progress | Log | Reply


def packed(message: ToWorker | ToFront) -> bytes:
    """A message as it goes over the pipe."""
    return framed(msgspec.msgpack.encode(message))


def framed(body: bytes) -> bytes:
    """The bytes of a message with their length before them."""
    return len(body).to_bytes(PREFIX, "big") + body


def read(stream: BinaryIO, decoder: msgspec.msgpack.Decoder[Any]) -> Any:
    """The next message of a pipe; None at its end."""
    head = stream.read(PREFIX)
    if len(head) < PREFIX:
        return None
    size = int.from_bytes(head, "big")
    body = stream.read(size)
    return decoder.decode(body) if len(body) == size else None
