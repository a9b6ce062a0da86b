"""``torchlint server``: a language server on standard input and output."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import sys
from typing import BinaryIO, cast


def server(arguments: argparse.Namespace) -> int:
    """Serve one client until it goes; the exit status is 0 if it has said so before.

    Raises:
        UsageError: a package is missing that only this needs.
    """
    from torchlint.frontends.outcome import UsageError

    try:
        import pygls  # noqa: F401
    except ImportError as error:
        raise UsageError("the language server needs the package pygls: pip install 'torchlint[server]'") from error
    from torchlint.frontends.server.front import Front
    from torchlint.frontends.server.streams import Incoming

    logging.basicConfig(
        stream=sys.stderr,
        level={"error": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG}[
            arguments.log_level
        ],
        format="%(levelname)s %(name)s: %(message)s",
    )
    gc.enable()  # it was switched off for runs that are soon over
    front = Front()
    try:
        if arguments.tcp is not None:
            asyncio.run(front.serve_port(arguments.tcp))
        else:
            streams = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
            os.dup2(2, 1)  # whatever prints, prints to the log
            asyncio.run(front.serve(cast("BinaryIO", Incoming(streams[0])), streams[1]))
    except (BrokenPipeError, ConnectionError, KeyboardInterrupt, SystemExit):
        pass  # the client is gone
    finally:
        front.kill()
    return 0 if front.protocol.is_shut_down else 1
