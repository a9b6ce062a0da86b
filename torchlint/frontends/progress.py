"""How far a long run is, on a terminal that somebody looks at; nothing elsewhere, and nothing in the first second."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, TextIO

from torchlint.frontends.terminal import wants_colour

if TYPE_CHECKING:
    from rich.progress import Progress as Display
    from rich.progress import TaskID

PATIENCE = 1.0  # seconds in which nobody asks whether a program still runs
INTERVAL = 0.1  # seconds between two drawings, since drawing takes time too


class Progress:
    """Is called with a phase, how much of it is done, and how much there is; draws a bar, which vanishes at the end.

    wanted: whether anything may be shown, if `stream` is a terminal at all; colour: a value of ``--color``.
    """

    def __init__(self, stream: TextIO, *, wanted: bool, colour: str) -> None:
        self._stream = stream
        self._shows = wanted and stream.isatty() and os.environ.get("TERM", "") != "dumb"
        self._colour = colour
        self._start = self._drawn = time.monotonic()
        self._display: Display | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._display is not None:
            self._display.stop()

    def __call__(self, phase: str, done: int, of: int) -> None:
        """So much is done."""
        now = time.monotonic()
        if not self._shows or now - self._start < PATIENCE:
            return
        if phase in self._tasks and done < of and now - self._drawn < INTERVAL:
            return
        if self._display is None:
            self._display = self._opened()
        if phase not in self._tasks:
            for task in self._tasks.values():
                self._display.remove_task(task)
            self._tasks = {phase: self._display.add_task(phase, total=of)}
        self._display.update(self._tasks[phase], completed=done, total=of, refresh=True)
        self._drawn = now

    def _opened(self) -> Display:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        plain = not wants_colour(self._colour, self._stream, os.environ)
        console = Console(file=self._stream, no_color=plain, highlight=False)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        # a thread that draws by itself would be half copied into processes that are forked while it draws
        display = Progress(*columns, console=console, transient=True, auto_refresh=False)
        display.start()
        return display
