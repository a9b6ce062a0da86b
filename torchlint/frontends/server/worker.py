"""A worker: hears what the front tells it, keeps what it found up to date, and answers questions.

Whatever comes in makes what is being done out of date: it is given up, what came in is taken note of, and then the
most urgent thing is done that there is to do: a near pass of the document that was edited, answers, and, once nobody
has typed for a moment, everything.

Who never stops typing is told of everything too: a look at it begins after a while nevertheless, and one that has taken
long already is not given up for an edit of an open document: the near pass is run in between, and the rest of
what the long one finds is still worth knowing, though another must follow.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

import msgspec

from torchlint.config import ConfigError
from torchlint.flow.budget import Stopped
from torchlint.frontends.outcome import UsageError
from torchlint.frontends.server import messages
from torchlint.frontends.server.answers import OF_EVERYTHING, answer
from torchlint.frontends.server.bench import Bench
from torchlint.frontends.server.messages import (
    Ask,
    Buffer,
    Closed,
    Configure,
    Forget,
    Found,
    Log,
    Progress,
    Reply,
    Settled,
    Table,
    Touched,
)

#: Seconds without an edit after which everything is looked at.
QUIET = 0.2

#: Seconds after which a look at everything begins though somebody still types, and after which it is finished rather
#: than begun again.
IMPATIENT, LONG = 1.5, 0.7

#: Near passes after which memory is tidied up even while somebody types.
MOST_UNTIDY = 20


def main() -> None:
    """Work for the front at the other end of standard input and output, until it goes away."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever prints, prints to the log
    gc.disable()
    Worker(incoming, outgoing).run()
    os._exit(0)


class Inbox:
    """The messages that have come in, read by a thread of its own."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._messages: deque[Any] = deque()
        self._arrived = threading.Condition()
        self._decoder = msgspec.msgpack.Decoder(messages.ToWorker)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                message = messages.read(self._stream, self._decoder)
            except (OSError, ValueError, msgspec.DecodeError):
                message = None
            with self._arrived:
                self._messages.append(message)
                self._arrived.notify()
            if message is None:
                return

    def waiting(self) -> bool:
        """Whether there is a message."""
        return bool(self._messages)

    def peek(self) -> list[Any]:
        """All messages that are there, which stay there."""
        with self._arrived:
            return list(self._messages)

    def wait(self, timeout: float) -> bool:
        """Whether there is a message, or comes within so many seconds."""
        with self._arrived:
            return self._arrived.wait_for(self.waiting, timeout)

    def take(self, timeout: float | None) -> list[Any]:
        """All messages that are there; with none, the first to come within so many seconds (None: ever)."""
        with self._arrived:
            if not self._messages:
                self._arrived.wait_for(self.waiting, timeout)
            taken = list(self._messages)
            self._messages.clear()
        return taken


class Worker:
    """See the module's text."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO) -> None:
        self._inbox = Inbox(incoming)
        self._outgoing = outgoing
        self._bench: Bench | None = None
        self._debug = False
        self._untidy = 0
        self._problem = ""
        self._edited: str | None = None
        self._unanswered: set[str] = set()
        self._asked: list[Ask] = []
        self._last = 0.0
        self._first = True
        self._tidy = True
        self._settled = -1
        #: since when everything is being looked at; None if it is not, or if something else is done in between
        self._looking: float | None = None
        #: whether the last near pass was given up
        self._starved = False
        #: when something may be done in between again
        self._not_before = 0.0
        #: the document that is being made ready for its first near pass
        self._preparing: str | None = None
        #: since when what was found of everything is out of date
        self._stale_since: float | None = None

    def run(self) -> None:
        """Work until the front goes away."""
        while True:
            if not self._hear():
                return
            try:
                self._work()
            except Stopped:
                continue

    # --- hearing ---------------------------------------------------------------------------------------------------

    def _hear(self) -> bool:
        """Take note of what has come in, and wait for it if there is nothing to do; False at the end."""
        idle = self._bench is None or not (self._bench.stale or self._edited or self._asked or not self._tidy)
        for message in self._inbox.take(None if idle else 0):
            if message is None or isinstance(message, messages.Quit):
                return False
            self._note(message)
        return True

    def _note(self, message: Any) -> None:
        if isinstance(message, Configure):
            self._debug = message.debug
            self._problem = ""
            if self._bench is None:
                self._bench = Bench(message, self._is_out_of_date)
            else:
                self._bench.configure(message)
        bench = self._bench
        if bench is None:
            return
        bench.stamp = max(bench.stamp, message.stamp)
        self._tidy = False
        if isinstance(message, Buffer):
            self._last = time.monotonic() if message.edited else 0.0
            self._edited = message.path if message.edited else self._edited
            self._unanswered.add(message.path)
            bench.open(message)
        elif isinstance(message, Closed):
            bench.close(message.path)
        elif isinstance(message, Touched):
            bench.touch(message.paths, message.configuration)
        elif isinstance(message, Ask):
            self._asked.append(message)
        elif isinstance(message, Forget):
            self._asked = [asked for asked in self._asked if asked.number != message.number]

    # --- working ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        bench = self._bench
        if bench is None:
            return
        now = time.monotonic()
        if bench.stale:
            self._stale_since = self._stale_since or now
        late = self._stale_since is not None and now > self._stale_since + IMPATIENT
        if not (late and self._starved):  # or each key gives up what was begun for the last, for ever
            self._look_near(bench)
        while bench.stale and any(asked.what in OF_EVERYTHING for asked in self._asked):
            self._look_at_everything(bench)
        while self._asked:
            reply = self._answer(bench, self._asked[0])
            for path in bench.taken_news():
                self._send(bench.recalled(path))
            self._send(reply)
            self._asked.pop(0)
        if bench.stale:
            if not late and self._inbox.wait(max(0.0, self._last + QUIET - now)):
                raise Stopped
            self._look_at_everything(bench)
        if bench.stale:  # something was edited meanwhile
            self._send_tables(bench.tables)
            return
        while self._unanswered:
            self._send(bench.recalled(self._unanswered.pop()))
        if self._settled != bench.stamp:
            self._settled = bench.stamp
            self._send(Settled(bench.stamp))
        if not self._tidy:
            if bench.unrecorded:
                self._look_at_everything(bench)
                if bench.stale:
                    return
            self._send_tables(bench.tables)
            self._safely(bench.make_ready)
            gc.collect()
            gc.freeze()
            self._untidy = 0
            self._tidy = True

    def _look_near(self, bench: Bench) -> None:
        """A near pass over the document that was edited; before everything was looked at, over one that was opened.

        Raises:
            Stopped: it is out of date.
        """
        if self._edited is None and bench.is_new and self._unanswered:
            self._edited = next(iter(sorted(self._unanswered)))
        edited = self._edited
        if edited is None:
            return
        self._starved = True
        started = time.process_time()
        if not bench.is_new and not bench.is_ready(edited):
            self._preparing = edited
            try:
                self._safely(lambda: bench.prepare(edited))
            finally:
                self._preparing = None
            if self._inbox.waiting():
                raise Stopped
        found = self._safely(lambda: bench.first(edited) if bench.is_new else bench.near(edited))
        self._edited = None
        self._starved = False
        if found is not None:
            self._send(found)
            self._unanswered.discard(edited)
            self._tell_time("near", started)
            self._send_tables(lambda: bench.near_tables(edited))
        self._tidy_up_sometimes()

    def _is_out_of_date(self) -> bool:
        """Whether what is being worked out is to be given up."""
        if not self._inbox.waiting():
            return False
        if self._preparing is not None and self._only_edits(lambda path: path == self._preparing):
            return False  # what is prepared for is not the text of that document
        if self._looking is None:
            return True
        now = time.monotonic()
        if now - self._looking < LONG and now - (self._stale_since or now) < IMPATIENT:
            return True
        since, self._looking = self._looking, None
        try:
            return not self._did_it_in_between()
        finally:
            self._looking = since

    def _did_it_in_between(self) -> bool:
        """Run near passes for what came in, if that is all that it asks for."""
        bench = self._bench
        assert bench is not None
        if not self._only_edits(bench.is_open):
            return False
        begun = time.monotonic()
        if begun < self._not_before:
            return True
        for message in self._inbox.take(0):
            self._note(message)
        with contextlib.suppress(Stopped):  # by the next key, which is for the next time
            self._look_near(bench)
        ended = time.monotonic()
        self._not_before = ended + (ended - begun)  # half of the time is for the long pass
        return True

    def _only_edits(self, of: Callable[[str], bool]) -> bool:
        """Whether all that came in are edits of certain documents."""
        return all(isinstance(one, Buffer) and one.edited and of(one.path) for one in self._inbox.peek())

    def _look_at_everything(self, bench: Bench) -> None:
        """A whole pass.

        Raises:
            Stopped: it is out of date.
        """
        started = time.process_time()
        gc.unfreeze()
        stamp = bench.stamp
        self._looking = time.monotonic()
        try:
            found = self._safely(lambda: bench.whole(self._progress if self._first else _nothing))
        finally:
            self._looking = None
            if self._first:
                self._send(Progress("", 0, 0))
        self._first = False
        self._stale_since = None
        if found is None:
            bench.stale = bench.stamp != stamp
        self._send(found if found is not None else Found(stamp, True, {}))
        for complaint in bench.taken_complaints():
            self._send(Log("error", complaint, shown=True))
        if not bench.stale:
            self._unanswered.clear()
        self._tell_time("whole", started)

    def _safely(self, do: Any) -> Any:
        """What `do` gives; None, and a word in the log, if it cannot."""
        try:
            return do()
        except (UsageError, ConfigError) as error:
            if str(error) != self._problem:
                self._problem = str(error)
                self._send(Log("error", str(error), shown=True))
        except Exception:
            self._send(Log("error", f"a fault of torchlint:\n{traceback.format_exc()}"))
        return None

    def _answer(self, bench: Bench, asked: Ask) -> Reply:
        try:
            return Reply(asked.number, bench.stamp, answer(bench, asked.what, asked.arguments))
        except (UsageError, ConfigError) as error:
            return Reply(asked.number, bench.stamp, problem=str(error))
        except Exception as error:
            self._send(Log("error", f"a fault of torchlint:\n{traceback.format_exc()}"))
            return Reply(asked.number, bench.stamp, problem=f"{type(error).__name__}: {error}")

    def _tidy_up_sometimes(self) -> None:
        """Cycles of a near pass are few: a look at what is new since the last pass over everything finds them."""
        self._untidy += 1
        if self._untidy >= MOST_UNTIDY and not self._inbox.waiting():
            gc.collect()
            self._untidy = 0

    def _send_tables(self, make: Callable[[], Iterable[Table]]) -> None:
        """Send tables, unless there is something else to do."""
        if self._inbox.waiting():
            return
        started = time.process_time()

        def send() -> None:
            for table in make():
                self._send(table)

        self._safely(send)
        self._tell_time("tables", started)

    def _progress(self, phase: str, done: int, of: int) -> None:
        self._send(Progress(phase, done, of))

    def _tell_time(self, what: str, started: float) -> None:
        if self._debug:
            self._send(Log("debug", f"{what}: {(time.process_time() - started) * 1000:.1f} ms of processor time"))

    def _send(self, message: messages.ToFront) -> None:
        content = memoryview(messages.packed(message))
        try:
            while content:
                content = content[self._outgoing.write(content) :]
        except OSError:  # nobody listens any more
            os._exit(0)


def _nothing(phase: str, done: int, of: int) -> None:
    """Nobody wants to know how far it is."""


if __name__ == "__main__":
    sys.exit("the language server starts this")
