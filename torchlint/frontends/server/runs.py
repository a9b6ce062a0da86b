"""The front's handle on the processes that ask runs about findings."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from torchlint.frontends.outcome import UsageError
from torchlint.frontends.server import messages

#: Seconds that such a process has to end by itself, and to end those that it has started.
PATIENCE = 5.0

#: What it runs. It finds torchlint where this process did, and nothing in the folder that it works in.
_PROGRAM = "import sys; sys.path[:] = {path!r}; from torchlint.frontends.server.errand import main; main()"


class Runs:
    """All that there are; each ends when nobody waits for it any longer, and with this process."""

    def __init__(self) -> None:
        self._processes: set[asyncio.subprocess.Process] = set()

    async def do(self, errand: bytes, folder: str) -> bytes:
        """What came of an errand that a worker in this folder has made.

        Raises:
            UsageError: it could not be done.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                _PROGRAM.format(path=sys.path),
                cwd=folder,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=1 << 26,
            )
        except OSError as error:
            raise UsageError(f"nothing was run: {error.strerror or error}") from error
        self._processes.add(process)
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(messages.framed(errand))
            head = await process.stdout.readexactly(messages.PREFIX)
            return await process.stdout.readexactly(int.from_bytes(head, "big"))
        except asyncio.IncompleteReadError:
            raise UsageError("nothing came of it: the process that was to ask has ended") from None
        finally:
            await _ended(process)
            self._processes.discard(process)

    async def end(self) -> None:
        """End them all."""
        await asyncio.gather(*map(_ended, self._processes))

    def kill(self) -> None:
        """End them all at once."""
        for process in self._processes:
            if process.returncode is None:
                process.kill()


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Let a process end, or make it."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), PATIENCE)
    except asyncio.TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
