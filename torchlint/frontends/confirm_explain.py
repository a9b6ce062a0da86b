"""``--confirm-explain``: what would be run for each finding, for people who decide whether they want that. Nothing is.

Worked example::

    train.py:9:8: TL101 `BCELoss` expects probabilities in [0, 1], but `net(x)` is unbounded …
      check: outside-range (high 1, low 0)
      model: Net, constructed at train.py:6:7
      input: float32[4, 8] in [0, 1]
      statements:
        # train.py
            1  import torch
            …
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from torchlint import confirm
from torchlint.claim import Claim
from torchlint.confirm.planner import Plan, job
from torchlint.diagnostic import Diagnostic
from torchlint.frontends.confirming import Consent, hints, project_of
from torchlint.report.text import place, visible

if TYPE_CHECKING:
    from torchlint.frontends.check import Session

OUTLINE = Path(confirm.__file__).parent / "child" / "outline.py"
PATIENCE = 120.0  # seconds in which a text must be there; parsing a large project takes a few


def explain(session: Session, allowance: Consent, diagnostics: Sequence[Diagnostic]) -> int:
    """Print it; the exit status is returned."""
    for one in diagnostics:
        lines = [f"{place(one.span)}: {one.code} {visible(one.message)}"]
        if one.claim is None:
            lines.append("  no run is asked about this")
        elif not allowance.selects(one.code):
            lines.append("  no run is asked about this rule")
        elif not project_of(session, one.span.path):
            lines.append("  nothing is run, since a run could read your whole home folder")
        elif session.configuration.of(one.span.path).confirm.off:
            lines.append("  nothing is run: `confirm.enabled` is false")
        else:
            lines += [f"  {visible(line)}" for line in _told(session, one, one.claim)]
        sys.stdout.write("\n".join(lines) + "\n\n")
    return session.status(diagnostics)


def _told(session: Session, one: Diagnostic, claim: Claim) -> Iterator[str]:
    """What is asked, and what is run for it, line by line."""
    project = project_of(session, one.span.path)
    inputs, arguments = hints(session, [one], project)
    asked = job(claim, session.sources.text, Plan(project, os.getcwd(), inputs=inputs, arguments=arguments))
    (described,) = asked["claims"]
    check = dict(described["check"])
    limits = ", ".join(f"{name} {check[name]:g}" for name in ("low", "high") if check.get(name) is not None)
    yield f"check: {check['type']}" + (f" ({limits})" if limits else "")
    specs: list[dict[str, Any]] = []
    for step in described["steps"]:
        if step["type"] == "model":
            specs.append(_spec(step, described, arguments))
            where = None if step["made"] is None else session.documents.within(claim.places[step["made"]])
            yield from _model(step, specs[-1], inputs, "" if where is None else f", constructed at {place(where)}")
        elif step["type"] == "data":
            yield f"input: {_data(step)}"
    if not specs:
        yield "no model is built"
        return
    for text in _outlines(asked, specs):
        yield "statements:"
        yield from (f"  {line}" for line in text.splitlines())


def _spec(step: Mapping[str, Any], described: Mapping[str, Any], further: Mapping[str, Any]) -> dict[str, Any]:
    """Which model is meant, as `build.build` in the child is told."""
    given = {**step["arguments"], **further.get(f"{step['owner']}:{step['cls']}", {})}
    spec: dict[str, Any] = {"arguments": given, "complete": step["complete"]}
    if step["made"] is not None:
        span = described["places"][step["made"]]
        spec |= {"path": span["path"], "row": span["start"]["row"], "column": span["start"]["column"]}
    if step["owner"]:
        spec |= {"owner": step["owner"], "cls": step["cls"]}
    return spec


def _model(step: Mapping[str, Any], spec: Mapping[str, Any], inputs: Mapping[str, Any], made: str) -> Iterator[str]:
    yield f"model: {step['name']}{made}"
    if spec["arguments"]:
        yield "arguments: " + ", ".join(f"{name} = {value!r}" for name, value in spec["arguments"].items())
    hint = inputs.get(f"{step['owner']}:{step['cls']}")
    if hint is not None:
        yield f"shapes of its inputs, by configuration: {', '.join(map(str, hint))}"


def _data(step: Mapping[str, Any]) -> str:
    """``float32[4, 8] in [0, 1]``."""
    sizes = None if step["shape"] is None else ", ".join("?" if size is None else str(size) for size in step["shape"])
    words = f"{step['dtype'] or 'numbers'}{' of unknown shape' if sizes is None else f'[{sizes}]'}"
    ends = ["−∞" if step["low"] is None else f"{step['low']:g}", "∞" if step["high"] is None else f"{step['high']:g}"]
    return f"{words} in [{', '.join(ends)}]"


def _outlines(asked: Mapping[str, Any], specs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The statements that would be run to build models, out of a process that has no torch and runs none of them."""
    told = msgspec.json.encode({"root": asked["root"], "files": asked["files"], "specs": specs})
    command = [sys.executable, "-I", "-B", "-S", str(OUTLINE)]
    try:
        done = subprocess.run(command, input=told, capture_output=True, timeout=PATIENCE)
        return msgspec.json.decode(done.stdout, type=list[str])
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError):
        return ["# they cannot be shown: the process that was to read them failed"]
