"""What the terminal and the environment ask for."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as `typing` has it, which is slow to import
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO


#: Columns where there is no terminal to ask.
COLUMNS = 120


def wants_colour(choice: str, stream: TextIO, environment: Mapping[str, str]) -> bool:
    """``--color``, then NO_COLOR, then FORCE_COLOR or CLICOLOR_FORCE, then whether a capable terminal listens."""
    if choice != "auto":
        return choice == "always"
    if environment.get("NO_COLOR"):
        return False
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        if environment.get(name):
            return environment[name] != "0"
    return stream.isatty() and environment.get("TERM", "") != "dumb"


def make_safe(*streams: TextIO) -> None:
    """Let a stream write any text on any platform: LF as it is, and what it cannot encode as an escape."""
    for stream in streams:
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace", newline="\n")


def open_closed() -> None:
    """Replace the output streams that were closed before the program began: what is written there goes nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (for as long as the program)


def silence(stream: TextIO) -> None:
    """Send what is still buffered nowhere, after the reader has gone away or the disk is full."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    except (OSError, ValueError):  # a stream without a descriptor has nothing to flush
        pass
    finally:
        os.close(nowhere)


def width() -> int:
    """The columns of the terminal."""
    import shutil  # slow to import

    return shutil.get_terminal_size().columns
