"""``--watch``: lint, wait until something has changed, lint again, until the user has had enough.

Definitions
    tree    a folder that was given: whatever changes in it is reported by the system
    single  a file that was given, one that a pass imported or was configured by, or one that would hold for it if it
            were there: looked at now and then, since editors replace files, and watching whole folders for one file
            would cost more

Worked example: ``torchlint --watch src`` watches the tree ``src`` and the singles ``torchlint.toml`` and
``pyproject.toml`` in the working folder and all above. Saving ``src/net.py`` or adding ``[tool.torchlint]`` to
``pyproject.toml`` lints again; writing a picture into ``src`` does not.
"""

from __future__ import annotations

import argparse
import gc
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from torchlint.config import NAMES, ConfigError
from torchlint.frontends.outcome import ERROR, UsageError
from torchlint.frontends.replay import unheard
from torchlint.report.text import visible
from torchlint.source.discover import DEFAULT_EXCLUDES, PRIVATE, SUFFIXES, is_below

PAUSE = 0.5  # seconds between two looks at single files
RELEVANT = (*SUFFIXES, ".ipynb", ".md", ".toml")
CLEAR = "\x1b[2J\x1b[3J\x1b[H"

Signature = Mapping[str, tuple[int, int, int] | None]


Once = Callable[[argparse.Namespace, Callable[[Iterable[str]], None]], int]


def watch(arguments: argparse.Namespace, once: Once) -> int:
    """Lint with `once` over and over; the exit status is that of the last time.

    Raises:
        UsageError, ConfigError: what is wanted cannot be done from the start, or not be watched.
    """
    paths = arguments.paths or [os.curdir]
    if "-" in paths:
        raise UsageError("--watch needs files or folders; standard input does not change")
    trees = [path for path in paths if os.path.isdir(path)]
    singles = {*paths, *arguments.config, *_configurations(paths)} - {*trees}
    sys.stdout, sys.stderr = unheard(sys.stdout), unheard(sys.stderr)
    further: set[str] = set()
    status: int | None = None
    with _Trees(trees) as changed:
        while True:
            before = _signature(singles)
            try:
                if sys.stdout.isatty() and arguments.output_file is None:
                    sys.stdout.write(CLEAR)
                status = _pass(arguments, once, further.update, first=status is None)
                before = {**_signature(path for path in further if not _lies_in(path, trees)), **before}
                gc.collect()  # runs go without the collector, and this process lives on
                if not arguments.quiet:
                    sys.stderr.write("Watching for changes; Ctrl-C ends.\n")
                    sys.stderr.flush()
                while not changed(PAUSE) and _signature(before) == before:
                    pass
            except KeyboardInterrupt:
                if status is None:
                    raise
                return status


def _pass(arguments: argparse.Namespace, once: Once, seen: Callable[[Iterable[str]], None], *, first: bool) -> int:
    """Lint once; what is wrong with files or settings now may be right the next time, so only the first time it ends
    everything."""
    try:
        return once(arguments, seen)
    except (UsageError, ConfigError) as error:
        if first:
            raise
        sys.stderr.write(f"torchlint: error: {visible(str(error))}\n")
        return ERROR


def _configurations(paths: Sequence[str]) -> Iterator[str]:
    """Where a configuration file could stand that holds for one of the paths, from the path's folder upwards."""
    folders: dict[Path, None] = {}
    for path in paths:
        place = Path(os.path.abspath(path))
        folders |= dict.fromkeys([*([place] if place.is_dir() else []), *place.parents])
    for folder in folders:
        for name in (*NAMES, ".gitignore", PRIVATE):
            yield str(folder / name)


def _signature(paths: Iterable[str]) -> Signature:
    return {path: _look(path) for path in paths}


def _look(path: str) -> tuple[int, int, int] | None:
    """What tells one content of a file from another, as far as it can be had without reading; None for no file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class _Trees:
    """The folders that are watched, in a thread of their own: what happens while a pass runs is not missed."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = folders
        self._stop = threading.Event()
        self._reports: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def __enter__(self) -> Callable[[float], bool]:
        try:
            import watchfiles  # noqa: F401
        except ImportError as error:
            raise UsageError("--watch needs the package watchfiles: pip install 'torchlint[watch]'") from error
        if self._folders:
            threading.Thread(target=self._run, daemon=True).start()
        return self._changed

    def __exit__(self, *_: object) -> None:
        self._stop.set()

    def _changed(self, timeout: float) -> bool:
        """Whether something has changed since the last call, or does so soon."""
        try:
            report = self._reports.get(timeout=timeout)
        except queue.Empty:
            return False
        while report is None and not self._reports.empty():
            report = self._reports.get()
        if report is not None:
            raise UsageError(f"the folders cannot be watched any longer: {report}") from report
        return True

    def _run(self) -> None:
        import watchfiles

        trees = [os.path.abspath(folder) for folder in self._folders]

        def relevant(_: object, path: str) -> bool:
            inside = [tree for tree in trees if _lies_in(path, [tree])]
            return any(_is_relevant(path, tree) for tree in inside or [os.path.dirname(path)])

        try:
            changes = watchfiles.watch(
                *trees, watch_filter=relevant, stop_event=self._stop, raise_interrupt=False, debounce=400
            )
            for _ in changes:
                self._reports.put(None)
        except Exception as error:  # whatever it is, somebody waits for it in the other thread
            self._reports.put(error)


def _lies_in(path: str, trees: Iterable[str]) -> bool:
    full = os.path.abspath(path)
    return any(is_below(full, os.path.abspath(tree)) for tree in trees)


def _is_relevant(path: str, tree: str) -> bool:
    """Whether what happened to a path in a tree may change what is said.

    Folders count, those that are gone too: what is in a new one may be there before the system watches it, and of a
    renamed one nothing else is reported.
    """
    *folders, name = os.path.relpath(path, tree).split(os.sep)
    if not DEFAULT_EXCLUDES.isdisjoint((*folders, name)):
        return False
    if name.endswith(RELEVANT) or name == ".gitignore":
        return True
    return os.path.isdir(path) or not ("." in name or os.path.exists(path))
