"""The process that asks runs about findings for the language server: it does one `Errand`, says what came of it, ends.

It takes its errand from standard input, which stays open as long as somebody waits: when it is closed, whatever goes on
is given up, and the processes that run the project's code end with this one. It is started by the front, which knows
nothing of what it carries; the worker made the errand, and so decided that it is allowed.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import BinaryIO

import msgspec

from torchlint.frontends.confirming import Confirmed, Errand, run
from torchlint.frontends.server import messages

#: The exit status if nobody waits any longer.
GIVEN_UP = 130


def main() -> None:
    """Do the errand at standard input and write what came of it (`Confirmed`) to standard output."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints, prints to the log
    status = GIVEN_UP
    try:
        errand: Errand | None = messages.read(incoming, msgspec.msgpack.Decoder(Errand))
        if errand is not None:
            threading.Thread(target=_wait_for_the_end, args=(incoming,), daemon=True).start()
            outgoing.write(messages.framed(msgspec.msgpack.encode(_done(errand))))
            outgoing.flush()
            status = 0
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    os._exit(status)


def _done(errand: Errand) -> Confirmed:
    try:
        return run(errand)
    except OSError as error:
        return Confirmed(errand.diagnostics, f"nothing was run: {error.strerror or error}")


def _wait_for_the_end(incoming: BinaryIO) -> None:
    """Interrupt the errand when nobody waits for it any longer."""
    incoming.read()
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        os._exit(GIVEN_UP)
