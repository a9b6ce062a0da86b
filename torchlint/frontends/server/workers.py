"""The front's handle on a worker: it starts the process, starts it again if it dies, and passes messages."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from torchlint.frontends.outcome import UsageError
from torchlint.frontends.server import messages
from torchlint.frontends.server.messages import (
    Ask,
    Buffer,
    Closed,
    Configure,
    Forget,
    Log,
    Quit,
    Reply,
    ToFront,
    ToWorker,
)

#: A worker that dies is started again, unless it died so often within so many seconds.
MOST_DEATHS, WITHIN = 3, 60.0

#: Seconds that a worker has to end by itself.
PATIENCE = 2.0

#: What a worker runs. It finds torchlint where this process did, and nothing in the folder that it works in.
_PROGRAM = "import sys; sys.path[:] = {path!r}; from torchlint.frontends.server.worker import main; main()"


class WorkerGoneError(Exception):
    """There is nobody to answer any more."""


class Worker:
    """A worker of one folder.

    folder: where it works. hear: is given what it says. died: is told that it had to be given up.
    """

    def __init__(self, folder: str, hear: Callable[[ToFront], None], died: Callable[[str], None]) -> None:
        self._folder = folder
        self._hear = hear
        self._died = died
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._waiting: list[ToWorker] = []
        self._configure: Configure | None = None
        self._buffers: dict[str, Buffer] = {}
        self._answers: dict[int, tuple[Ask, asyncio.Future[Any]]] = {}
        self._number = 0
        self._deaths: deque[float] = deque(maxlen=MOST_DEATHS)
        self._ended = False
        self._decoder = msgspec.msgpack.Decoder(messages.ToFront)

    def send(self, message: ToWorker) -> None:
        """Tell it something; it is told again to a worker that takes its place."""
        if isinstance(message, Configure):
            self._configure = message
        elif isinstance(message, Buffer):
            self._buffers[message.path] = message
        elif isinstance(message, Closed):
            self._buffers.pop(message.path, None)
        if self._process is None:
            self._waiting.append(message)
            if self._task is None and not self._ended:
                self._task = asyncio.ensure_future(self._run())
        else:
            self._write(message)

    async def ask(self, stamp: int, what: str, arguments: dict[str, Any]) -> tuple[Any, int]:
        """The answer to a question, and the stamp of the last message that it knows of.

        Raises:
            UsageError: there is none, and why.
        """
        if self._ended:
            raise UsageError("the worker of this folder is gone")
        self._number += 1
        question = Ask(stamp, self._number, what, arguments)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[question.number] = question, future
        self.send(question)
        try:
            result: tuple[Any, int] = await future
            return result
        except asyncio.CancelledError:
            self.send(Forget(stamp, question.number))
            raise
        finally:
            self._answers.pop(question.number, None)

    async def end(self) -> None:
        """Let it end, or make it."""
        self._ended = True
        if self._process is not None and self._process.stdin is not None:
            self._write(Quit(0))
            self._process.stdin.close()
        if self._task is not None:  # it may be about to start the process
            await asyncio.wait({self._task}, timeout=PATIENCE)
            self.kill()
            await asyncio.wait({self._task})

    def kill(self) -> None:
        """End it at once."""
        self._ended = True
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    # --- the process -----------------------------------------------------------------------------------------------

    def _write(self, message: ToWorker) -> None:
        if self._process is not None and self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(messages.packed(message))

    async def _run(self) -> None:
        while not self._ended:
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-c",
                    _PROGRAM.format(path=sys.path),
                    cwd=self._folder,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    limit=1 << 26,
                )
            except OSError as error:
                self._give_up(f"no worker can be started in {self._folder}: {error.strerror or error}")
                return
            self._process = process
            if self._ended:
                process.kill()
            waiting, self._waiting = self._waiting, []
            for message in waiting:
                self._write(message)
            log = asyncio.ensure_future(self._log(process))
            try:
                await self._listen(process)
            except asyncio.CancelledError:
                process.kill()
                raise
            finally:
                if process.returncode is None and not self._ended:
                    process.kill()
                await process.wait()
                log.cancel()
            if self._ended:
                return
            self._process = None
            self._hear(Log("error", f"the worker of {self._folder} ended with status {process.returncode}"))
            self._deaths.append(time.monotonic())
            if len(self._deaths) == MOST_DEATHS and self._deaths[-1] - self._deaths[0] < WITHIN:
                self._give_up(f"the worker of {self._folder} ends again and again; restart the server to try anew")
                return
            for question, future in self._answers.values():
                if not future.done():
                    future.set_exception(UsageError(f"the worker ended over `{question.what}`"))
            self._waiting = [one for one in (self._configure, *self._buffers.values()) if one is not None]

    def _give_up(self, words: str) -> None:
        self._ended = True
        self._process = None
        for _, future in self._answers.values():
            if not future.done():
                future.set_exception(UsageError(words))
        self._died(words)

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                head = await process.stdout.readexactly(messages.PREFIX)
                body = await process.stdout.readexactly(int.from_bytes(head, "big"))
            except asyncio.IncompleteReadError:
                return
            try:
                message: ToFront = self._decoder.decode(body)
            except msgspec.DecodeError:
                return
            if isinstance(message, Reply):
                _, future = self._answers.get(message.number, (None, None))
                if future is not None and not future.done():
                    if message.problem is not None:
                        future.set_exception(UsageError(message.problem))
                    else:
                        future.set_result((message.result, message.stamp))
            else:
                self._hear(message)

    async def _log(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self._hear(Log("warning", line.decode("utf-8", "replace").rstrip(os.linesep)))
