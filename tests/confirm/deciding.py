"""Programs with the verdicts that runs give on what is claimed of them: texts in, diagnostics out."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import rules
from torchlint.config import Settings
from torchlint.confirm import planner
from torchlint.confirm.host import Host, Interpreter, Level, Limits, find_interpreter
from torchlint.diagnostic import Diagnostic
from torchlint.engine.lint import Request, lint
from torchlint.engine.run import Claims


@contextmanager
def host(root: Path) -> Iterator[Host]:
    """A process that runs models below a folder, in this interpreter."""
    found = find_interpreter(sys.executable, {})
    assert isinstance(found, Interpreter), found
    started = Host.start(found, root, Level.BASIC, Limits())
    assert isinstance(started, Host), started
    with started:
        yield started


def claimed(files: Mapping[str, str], claims: Claims, select: tuple[str, ...] = ()) -> list[Diagnostic]:
    """What is found in these files, or with `Claims.FORCED` all that rules can claim of them; those with a claim.

    select: codes of rules that are off by default, and are asked for too.
    """
    content = {path: text.encode() for path, text in files.items()}
    settings = Settings(None, select)
    request = Request(
        content, lambda path: None, rules().rules, lambda path: settings, lambda path: files.get(path), claims=claims
    )
    return [one for one in lint(request).diagnostics if one.claim is not None]


def decided(runner: Host, folder: Path, files: Mapping[str, str], found: list[Diagnostic]) -> list[Diagnostic]:
    """These findings with verdicts, of a project that is written into `folder`, which lies below the host's root."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    plan = planner.Plan(str(folder), str(folder), isolation="basic")
    return planner.confirm(found, files.get, plan, runner)
