"""A folder with its worker: what was sent, what was found, and who waits for it.

Definitions
    stamp    every message to a worker has one, larger than the last; what is found says up to which stamp it knows
    settled  a document of which something was found that knows of its latest text
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Coroutine, Iterable
from hashlib import blake2b
from typing import Any

import msgspec

from torchlint.frontends.server.messages import (
    Buffer,
    Closed,
    Configure,
    Found,
    Log,
    Progress,
    Settled,
    Table,
    ToFront,
    Touched,
)
from torchlint.frontends.server.workers import Worker

#: A diagnostic as the protocol has it, and what `Bench` says beside that.
Item = dict[str, Any]


#: The stamp up to which everything is known where nobody works any more.
NOBODY = 1 << 62

#: How often a question is asked again because something else was told meanwhile.
MOST_TRIES = 5


class Folder:
    """See the module's text.

    path: its full path as the editor names it. listing: whether all files in it are linted.
    changed: is told which documents were looked at and may have other diagnostics than before. log, progress: are
    given what the worker says. tabled: is told of a document of whose expressions something is known now.
    """

    def __init__(
        self,
        path: str,
        listing: bool,
        changed: Callable[[Folder, set[str], bool], None],
        log: Callable[[Log], None],
        progress: Callable[[Folder, Progress], None],
        tabled: Callable[[Folder, str], None],
    ) -> None:
        self.path = path
        self.listing = listing
        self.items: dict[str, list[Item]] = {}
        self.versions: dict[str, int] = {}
        #: whether everything was looked at once
        self.looked = False
        self._changed = changed
        self._log = log
        self._progress = progress
        self._stamp = 0
        self._sent: dict[str, int] = {}
        self._known: dict[str, int] = {}
        self._known_whole = -1
        self._answers: dict[bytes, _Asked] = {}
        self._answered = -1
        self._waiters: list[tuple[str | None, int, asyncio.Future[None]]] = []
        #: what is known of the expressions of open documents, by URI
        self.tables: dict[str, Table] = {}
        self._table_waiters: list[tuple[str, asyncio.Future[None]]] = []
        self._tabled = tabled
        self._worker = Worker(path, self._hear, self._gone)

    def _next(self) -> int:
        self._stamp += 1
        return self._stamp

    # --- to the worker -----------------------------------------------------------------------------------------------

    def configure(self, make: Callable[[int], Configure]) -> None:
        """Say how to work; `make` is given the stamp."""
        self._worker.send(make(self._next()))

    def buffer(self, path: str, uri: str, version: int, content: bytes, cells: tuple[str, ...], edited: bool) -> None:
        """Send the text of an open document."""
        stamp = self._next()
        for one in (uri, *cells):
            self.versions[one] = version
            self._sent[one] = stamp
        self._worker.send(Buffer(stamp, path, uri, version, content, cells, edited))

    def close(self, path: str, uris: Collection[str]) -> None:
        """Say that a document is open no more."""
        for uri in uris:
            self.versions.pop(uri, None)
            self._sent.pop(uri, None)
            self.tables.pop(uri, None)
        self._wake_tables(uris)
        self._worker.send(Closed(self._next(), path))

    def touch(self, paths: Iterable[str], configuration: bool) -> None:
        """Say that files have changed on the disk."""
        self._worker.send(Touched(self._next(), tuple(paths), configuration))

    async def ask(self, what: str, **arguments: Any) -> Any:
        """The answer to a question about what was told last; while nothing else is told, it is asked once.

        Raises:
            UsageError: there is none, and why. OutdatedError: again and again something else was told meanwhile.
        """
        key = msgspec.msgpack.encode((what, arguments), order="sorted")
        for _ in range(MOST_TRIES):
            if self._answered != self._stamp:
                self._answered = self._stamp
                self._answers.clear()
            asked = self._answers.get(key)
            if asked is None or (asked.done() and (asked.cancelled() or asked.exception() is not None)):
                asked = self._answers[key] = _Asked(self._worker.ask(self._stamp, what, arguments))
            result, stamp = await asked.wait()
            if stamp == self._stamp:
                return result
        raise OutdatedError

    async def end(self) -> None:
        """Let the worker end."""
        self._release()
        await self._worker.end()

    def kill(self) -> None:
        """End the worker at once."""
        self._worker.kill()

    # --- from the worker ---------------------------------------------------------------------------------------------

    def _hear(self, message: ToFront) -> None:
        if isinstance(message, Found):
            self._take(message)
        elif isinstance(message, Table):
            self._take_table(message)
        elif isinstance(message, Settled):
            self._known_whole = max(self._known_whole, message.stamp)
            self._wake()
        elif isinstance(message, Log):
            self._log(message)
        elif isinstance(message, Progress):
            self._progress(self, message)

    def _take(self, found: Found) -> None:
        """What a pass has found, but for documents whose text is another by now."""
        changed: set[str] = set()
        gone = (uri for uri in self.items if uri not in found.diagnostics) if found.whole else ()
        for uri, items in [*found.diagnostics.items(), *((uri, []) for uri in list(gone))]:
            if found.stamp < self._sent.get(uri, -1):
                continue
            self._known[uri] = found.stamp
            if items != self.items.get(uri) or uri in self.versions:
                changed.add(uri)
                self.items[uri] = items
        if found.whole:
            self._known_whole = found.stamp
            self.looked = True
            self.items = {uri: items for uri, items in self.items.items() if items or uri in found.diagnostics}
            self._known = {uri: stamp for uri, stamp in self._known.items() if uri in self._sent}
        self._wake()
        self._changed(self, changed, found.whole)

    def _take_table(self, table: Table) -> None:
        """What is known of a document's expressions, unless its text is another by now."""
        if table.stamp < self._sent.get(table.uri, -1) or table.uri not in self._sent:
            return
        self.tables[table.uri] = table
        self._wake_tables([table.uri])
        self._tabled(self, table.uri)

    def _wake_tables(self, uris: Collection[str]) -> None:
        """Those who wait for tables of these documents may look again."""
        waiting, self._table_waiters = self._table_waiters, []
        for uri, future in waiting:
            if uri not in uris:
                if not future.done():
                    self._table_waiters.append((uri, future))
            elif not future.done():
                future.set_result(None)

    async def table(self, uri: str) -> Table | None:
        """The table of a document's latest text, once there is one; None for what is not open, and if there will be
        none."""
        while uri in self._sent and self._known_whole < NOBODY:
            found = self.tables.get(uri)
            if found is not None and found.stamp >= self._sent[uri]:
                return found
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._table_waiters.append((uri, future))
            await future
        return None

    def _wake(self) -> None:
        waiting: list[tuple[str | None, int, asyncio.Future[None]]] = []
        for uri, stamp, future in self._waiters:
            if future.done():
                continue
            if self._known_whole >= stamp or (uri is not None and self._known.get(uri, -1) >= stamp):
                future.set_result(None)
            else:
                waiting.append((uri, stamp, future))
        self._waiters = waiting

    def _gone(self, words: str) -> None:
        """Nobody works here any more: nobody need wait."""
        self._release()
        self._log(Log("error", words, shown=True))

    def _release(self) -> None:
        for _, _, future in self._waiters:
            if not future.done():
                future.set_result(None)
        self._waiters = []
        for _, waiting in self._table_waiters:
            if not waiting.done():
                waiting.set_result(None)
        self._table_waiters = []
        self._known_whole = NOBODY

    async def settled(self, uri: str) -> None:
        """Wait until something was found in a document that knows of its latest text."""
        await self._until(uri, self._sent.get(uri, 0))

    async def all_settled(self) -> None:
        """Wait until everything was looked at, with all that was sent so far."""
        await self._until(None, self._stamp)

    async def _until(self, uri: str | None, stamp: int) -> None:
        if self._known_whole >= stamp or (uri is not None and self._known.get(uri, -1) >= stamp):
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((uri, stamp, future))
        await future


class OutdatedError(Exception):
    """What was asked about is another by now."""


class _Asked:
    """A question that several may wait for; once none of them does, it is forgotten."""

    def __init__(self, question: Coroutine[Any, Any, tuple[Any, int]]) -> None:
        self._task = asyncio.ensure_future(question)
        self._waiting = 0
        self.done, self.cancelled, self.exception = self._task.done, self._task.cancelled, self._task.exception

    async def wait(self) -> tuple[Any, int]:
        """The answer, and the stamp of the last message that it knows of.

        Raises:
            UsageError: there is none, and why.
        """
        self._waiting += 1
        try:
            return await asyncio.shield(self._task)
        finally:
            self._waiting -= 1
            if not self._waiting and not self._task.done():
                self._task.cancel()


def result_id(items: list[Item]) -> str:
    """A name for a list of diagnostics, the same for the same list."""
    content = json.dumps(items, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return blake2b(content, digest_size=12).hexdigest()
