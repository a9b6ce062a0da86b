"""Deciding claims: each by the check of its type, and what bounds every verdict whatever the check.

Definitions
    verdict  what is said of a claim, as JSON: ``outcome``, ``grade``, ``reason`` and the evidence; words are made of it
             elsewhere
    guessed  an argument of a model that is not the program's: what was seen with it is no evidence about the program

Worked example: of the claim that the input of `BCELoss` leaves [0, 1], over the steps of ``net(x)``, this gives
``{"outcome": "confirmed", "grade": "witness", "reason": "outside", "numbers": {"min": -0.3, "max": 0.2, "seed": 0}}``.
"""

from __future__ import annotations

from typing import Any

import checks
import loader
import replay
import torch
from limits import Budget, BudgetSpent

#: Outcomes of claims about shapes, which say nothing where the shape of the input is not the program's.
ABOUT_SHAPES = frozenset({"loss-fails", "shapes-fail", "samples-mix"})


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Decide the claims of a job, in order.

    job: ``root`` and ``files`` of the project, ``claims``, ``hints``, ``cpu``: seconds for each claim.
    """
    project = loader.Project(job["root"], job["files"])
    return {"verdicts": [decide(claim, project, job) for claim in job["claims"]]}


def decide(claim: dict[str, Any], project: Any, job: dict[str, Any]) -> dict[str, Any]:
    """The verdict on one claim; it never raises, but where the process itself ends."""
    bench = None
    try:
        with Budget(float(job.get("cpu", 10.0))) as budget:
            bench = replay.Bench(project, claim["steps"], claim["places"], job.get("hints", {}), budget)
            verdict = bounded(checks.CHECKS[claim["check"]["type"]](claim["check"], bench), claim, bench)
    except replay.UndecidedError as reason:
        verdict = inconclusive(reason.reason, reason.message)
    except replay.RaisedError as raised:
        verdict = inconclusive("forward", f"{type(raised.error).__name__}: {raised.error}")
    except BudgetSpent:
        verdict = inconclusive("budget")
    except MemoryError:
        verdict = inconclusive("memory")
    except RecursionError:
        verdict = inconclusive("crashed", "RecursionError")
    return {**verdict, **evidence(bench)}


def inconclusive(reason: str, message: str = "") -> dict[str, Any]:
    """That nothing was decided, and why; `operation`: the package that is missing, or the step that is not known."""
    operation = message.partition(".")[0] if reason in ("package", "unknown-step") else ""
    return {
        "outcome": "inconclusive",
        "grade": "none",
        "reason": reason,
        "message": message,
        "operation": operation if operation.isidentifier() else "",
    }


def bounded(verdict: dict[str, Any], claim: dict[str, Any], bench: Any) -> dict[str, Any]:
    """The verdict, unless it rests on what was guessed, or the claim on tests that may be decided otherwise here."""
    if verdict["outcome"] == "inconclusive":
        return verdict
    if claim.get("under"):
        return {**verdict, "outcome": "inconclusive", "grade": "none", "reason": "guessed"}
    about_sizes = claim["check"]["type"] in ABOUT_SHAPES and verdict["grade"] != "exhaustive"
    if bench.guessed() or (about_sizes and not bench.inputs_known):
        return {**verdict, "outcome": "inconclusive", "grade": "none", "reason": "guessed"}
    return verdict


def evidence(bench: Any) -> dict[str, Any]:
    """What a verdict rests on: how the model was made that was called last, what it was given if that was drawn, and by
    which torch."""
    if bench is None:
        return {}
    calls = [step for step, node in enumerate(bench.steps) if node["type"] == "called"]
    call = next((step for step in reversed(calls) if bench.steps[step]["model"] in bench.recipes), None)
    model = next(iter(bench.recipes), None) if call is None else bench.steps[call]["model"]
    first = bench.recipes.get(model)
    found = bench.fed.get(call)
    fed = [] if found is None else [tensor for tensor in found.tensors if isinstance(tensor, torch.Tensor)]
    return {
        "recipe": None
        if first is None
        else {"kind": first.kind, "path": first.path or "", "row": first.row or 0, "step": model},
        "guessed": list(bench.guessed()),
        "inputs": [
            {"shape": list(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch.")} for tensor in fed[:8]
        ],
        "torch": torch.__version__,
    }
