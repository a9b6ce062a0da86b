"""Work for several processes: the same results, in the same order, as one process gives.

Files are parsed apart from each other anywhere. Components are run apart only where a process can be forked, for a fork
has the rules and all that was read; elsewhere they wait for each other. A process that dies costs the work that it was
at: that is tried once more by a process of its own, and given up if that dies too.

This module is slow to import, and most runs do without it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

from torchlint.project.parsed import encode, parse
from torchlint.syntax.tree import in_bulk

T = TypeVar("T")
R = TypeVar("R")

#: Parts that each process is given, one after the other, so that none waits long for the last.
PARTS_EACH = 6

#: Whether a process can be made that has all that this one has.
FORKS = sys.platform.startswith("linux")


def records(contents: Sequence[bytes], jobs: int, tell: Callable[[int], None]) -> Iterator[tuple[int, bytes | None]]:
    """The record of each content by its index, as they get ready; None where the process died of it.

    tell: how many more are done.
    """
    largest_first = sorted(range(len(contents)), key=lambda index: -len(contents[index]))
    count = min(jobs * PARTS_EACH, len(contents))
    parts = [largest_first[start::count] for start in range(count)]
    for number, made in apart(_records, [[contents[index] for index in part] for part in parts], jobs):
        part = parts[number]
        if made is not None:
            yield from zip(part, made, strict=True)
        else:
            for index in part:
                ((_, alone),) = apart(_records, [[contents[index]]], 1)
                yield index, None if alone is None else alone[0]
        tell(len(part))


def _records(contents: Sequence[bytes]) -> list[bytes]:
    with in_bulk(len(contents)):
        return [encode(parse(content)) for content in contents]


def forked(
    function: Callable[[Any, T], R], shared: object, tasks: Sequence[T], jobs: int
) -> Iterator[tuple[int, R | None]]:
    """``function(shared, task)`` of each task by its index, as they get ready, by processes that have `shared` because
    they are forks of this one; None where the process died of it."""
    return apart(_with_shared, tasks, jobs, (function, shared))


#: In a fork: the function and what it shares, which never travel.
_SHARED: list[Any] = []


def _with_shared(task: object) -> Any:
    function, shared = _SHARED
    return function(shared, task)


def apart(
    function: Callable[[T], R], tasks: Sequence[T], jobs: int, shared: tuple[Any, ...] = ()
) -> Iterator[tuple[int, R | None]]:
    """What a function gives for each task by its index, as they get ready; None where the process died of it."""
    left = set(range(len(tasks)))
    executor = _executor(min(jobs, len(tasks)), shared)
    try:
        futures = _submitted(executor, function, tasks)
        for future in as_completed(futures):
            yield futures[future], future.result()
            left.discard(futures[future])
    except BrokenProcessPool:
        pass
    except BaseException:
        _end(executor)
        raise
    executor.shutdown()
    for index in sorted(left):
        with _executor(1, shared) as alone:
            try:
                (future,) = _submitted(alone, function, [tasks[index]])
                yield index, future.result()
            except BrokenProcessPool:
                yield index, None


def _submitted(executor: ProcessPoolExecutor, function: Callable[[T], R], tasks: Sequence[T]) -> dict[Future[R], int]:
    """What is going to come of each task, and its index. Python forgets an interrupt that comes while it forks, so that
    waits until the processes are there."""
    masks = sys.platform != "win32"
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masks else set()
    try:
        return {executor.submit(function, task): index for index, task in enumerate(tasks)}
    finally:
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _executor(jobs: int, shared: tuple[Any, ...]) -> ProcessPoolExecutor:
    method = "fork" if FORKS else "spawn"
    return ProcessPoolExecutor(jobs, get_context(method), initializer=_begin, initargs=shared)


def _begin(*shared: Any) -> None:
    """What a new process does first: it ends without a word when the user interrupts the run, and when the process that
    made it is gone, which would otherwise be waited for until somebody looks."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _SHARED[:] = shared


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _end(executor: ProcessPoolExecutor) -> None:
    """Do not wait for work whose results nobody wants."""
    for process in list((executor._processes or {}).values()):
        process.kill()
    executor.shutdown(wait=False, cancel_futures=True)
