"""The command line: arguments and exit status.

0: clean; 1: findings; 2: wrong usage or configuration, a missing path, or an internal error (TL000).
All imports wait until they are needed, so that ``--version``, ``--help`` and a run that was made before are immediate.
"""

from __future__ import annotations

import gc
import os
import sys

from torchlint.frontends import replay
from torchlint.frontends.terminal import make_safe, open_closed, silence

TYPE_CHECKING = False  # as `typing` has it, which takes longer to import than all else here
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import NoReturn


def program() -> NoReturn:
    """Run torchlint, and end the process.

    A process that lives for one run has no use for the cyclic collector, and what the system takes back at once need
    not be taken down piece by piece: together that is a third of the time that a small file takes.
    """
    gc.disable()
    status = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # nobody listens any more
        pass
    os._exit(status)


def main(argv: Sequence[str] | None = None) -> int:
    """Run torchlint; the exit status is returned."""
    words = list(sys.argv[1:] if argv is None else argv)
    open_closed()
    try:
        make_safe(sys.stdout, sys.stderr)
        status = _run(words)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        silence(sys.stdout)
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return _give_up(error)


def _give_up(error: Exception) -> int:
    """Say why a run ended before its end; the exit status is returned."""
    from torchlint.frontends.outcome import ERROR

    if isinstance(error, OSError) and error.filename is None and error.strerror:  # what is written has no name
        silence(sys.stdout)
        sys.stderr.write(f"torchlint: error: the output cannot be written: {error.strerror}\n")
        return ERROR
    import traceback

    traceback.print_exception(error)
    sys.stderr.write("torchlint: this is a fault of torchlint, not of your code; please report it\n")
    return ERROR


def _run(words: list[str]) -> int:
    command = words.pop(0) if words and words[0] in _COMMANDS else "check"
    recorder = replay.begin(words, os.environ) if command == "check" else None
    status = None if recorder is None else replay.again(recorder)
    if status is not None:
        return status
    from torchlint.frontends.options import PARSERS

    arguments = PARSERS[command]().parse_args(words)
    arguments.recorder = recorder
    from torchlint.config import ConfigError
    from torchlint.frontends.outcome import ERROR, UsageError

    try:
        if command not in _ANYWHERE and not _is_anywhere():
            raise UsageError("the working folder does not exist any more")
        return _COMMANDS[command](arguments)
    except (ConfigError, UsageError) as error:
        from torchlint.report.text import visible

        sys.stderr.write(f"torchlint: error: {visible(str(error))}\n")
        return ERROR


def _is_anywhere() -> bool:
    try:
        os.getcwd()
    except OSError:
        return False
    return True


def _check(arguments: argparse.Namespace) -> int:
    from torchlint.frontends.check import check

    recorder: replay.Recorder | None = arguments.recorder
    if recorder is None:
        return check(arguments)
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = recorder.streams(*streams)
    try:
        status = check(arguments)
    finally:
        sys.stdout, sys.stderr = streams
    recorder.keep(status)
    return status


def _config(arguments: argparse.Namespace) -> int:
    from torchlint.frontends.config import config

    return config(arguments)


def _reveal(arguments: argparse.Namespace) -> int:
    from torchlint.frontends.reveal import reveal

    return reveal(arguments)


def _trace(arguments: argparse.Namespace) -> int:
    from torchlint.frontends.trace import trace

    return trace(arguments)


def _inspect(arguments: argparse.Namespace) -> int:
    from torchlint.frontends.inspect_command import inspect

    return inspect(arguments)


def _confirm(arguments: argparse.Namespace) -> int:
    from torchlint.frontends.confirm_command import confirm

    return confirm(arguments)


def _explain(arguments: argparse.Namespace) -> int:
    from torchlint.frontends.pages import explain

    return explain(arguments)


def _rules(arguments: argparse.Namespace) -> int:
    from torchlint.frontends.pages import rules

    return rules(arguments)


def _completion(arguments: argparse.Namespace) -> int:
    from torchlint.frontends.completion import completion

    return completion(arguments)


def _server(arguments: argparse.Namespace) -> int:
    from torchlint.frontends.server.command import server

    return server(arguments)


def _clean(arguments: argparse.Namespace) -> int:
    from torchlint.frontends.places import cache_folder
    from torchlint.frontends.store import DiskStore

    folder = arguments.cache_dir or cache_folder(os.environ)
    try:
        DiskStore(folder).clear()
    except OSError as error:
        sys.stderr.write(f"torchlint: error: {folder}: cannot be emptied: {error.strerror}\n")
        return 2
    return 0


#: Commands that have nothing to do with the working folder.
_ANYWHERE = ("explain", "rules", "completion", "clean", "server")
#: What each command runs; its options are in `torchlint.frontends.options`.
_COMMANDS = {
    "check": _check,
    "config": _config,
    "explain": _explain,
    "rules": _rules,
    "reveal": _reveal,
    "trace": _trace,
    "confirm": _confirm,
    "inspect": _inspect,
    "server": _server,
    "completion": _completion,
    "clean": _clean,
}
