"""What the bytes of a file say, whatever its path: what is kept of a file between runs.

Definitions
    import   a statement or call that may lead to another file, as it is written
    record   a `Parsed` as msgpack; the IR in it is decoded when somebody asks for it

Worked example: of ``from .net import UNet`` the record holds ``Import(1, "net", ("UNet",))`` and the IR.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TypeAlias, TypeVar

import msgspec

from torchlint.source.text import DecodeError, decode
from torchlint.syntax import ir
from torchlint.syntax.lower import read
from torchlint.syntax.tree import SyntaxProblem

T = TypeVar("T")

_NOTHING = msgspec.Raw(msgspec.msgpack.encode(None))


class Import(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``from {level dots}{module} import {names}``; without names ``import {module}``, or a star."""

    level: int
    module: str
    names: tuple[str, ...] = ()


class Parsed(msgspec.Struct, array_like=True):
    """A file: how many lines it has, its IR as msgpack in `body` (or as it was made, in `_module`), why it has none,
    and what it imports.

    problem: row and column, from 1, and words.
    """

    lines: int
    body: msgspec.Raw
    problem: tuple[int, int, str] | None
    imports: tuple[Import, ...]
    _module: ir.Module | None = None

    @property
    def module(self) -> ir.Module | None:
        """The IR; None if there is a problem.

        Raises:
            UNREADABLE: it came from a record that lies.
        """
        if self._module is None and self.problem is None:
            self._module = _decoder(ir.Module).decode(self.body)
        return self._module


#: What a record that is none raises.
UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)

_Record: TypeAlias = tuple[int, msgspec.Raw, tuple[int, int, str] | None, tuple[Import, ...]]


@cache
def _decoder(of: type[T]) -> msgspec.msgpack.Decoder[T]:
    """A decoder, made when it is needed: for the IR that takes longer than to parse a small file."""
    return msgspec.msgpack.Decoder(of)


#: Bytes beyond which a file is not parsed: its tree may take a thousand times as many. Nobody writes so much by hand.
LARGEST = 4 << 20


def parse(data: bytes) -> Parsed:
    """What the bytes of a file say. Never raises."""
    if len(data) > LARGEST:
        return Parsed(0, _NOTHING, (1, 1, f"too large to be analysed: more than {LARGEST >> 20} MiB"), ())
    try:
        text = decode(data)
    except DecodeError as error:
        return Parsed(0, _NOTHING, (error.row, 1, error.message), ())
    lines = text.count("\n") + 1
    module = read(text)
    if isinstance(module, SyntaxProblem):
        return Parsed(lines, _NOTHING, (module.row, module.column, module.message), ())
    return Parsed(lines, _NOTHING, None, tuple(_imports(module)), module)


def given_up(reason: str) -> Parsed:
    """A file that could not be parsed through no fault of its own: its problem has no row."""
    return Parsed(0, _NOTHING, (0, 0, reason), ())


def encode(parsed: Parsed) -> bytes:
    """A record of what was parsed; empty if it is nested too deeply for one."""
    try:
        body = parsed.body if parsed._module is None else msgspec.Raw(msgspec.msgpack.encode(parsed._module))
        return msgspec.msgpack.encode((parsed.lines, body, parsed.problem, parsed.imports))
    except RecursionError:
        return b""


def decoded(record: bytes) -> Parsed | None:
    """What a record holds; None if it is none."""
    try:
        return Parsed(*_decoder(_Record).decode(record))
    except UNREADABLE:
        return None


def _imports(module: ir.Module) -> Iterator[Import]:
    """Every import of a file, wherever in it; those by a call only where the name is written out."""
    found: dict[Import, None] = {}
    pending: list[ir.Stmt] = list(module.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ir.Import):
            found.update((Import(0, item.name), None) for item in node.names)
        elif isinstance(node, ir.ImportFrom):
            found[Import(node.level, node.module, tuple(item.name for item in node.names))] = None
        else:
            pending.extend(ir.blocks(node))
    return iter(sorted(found, key=lambda one: (one.level, one.module, one.names)))
