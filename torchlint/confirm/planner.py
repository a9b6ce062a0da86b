"""From diagnostics with claims to diagnostics with verdicts: what is asked of a run, and what its answer is worth.

Definitions
    job      one claim with the texts that it names, sent to a process of its own
    answer   what came back: JSON, checked against `Answered` as if a stranger had written it

Worked example: the claim of a TL101 in ``train.py`` becomes ``{"root": …, "files": {"train.py": …}, "claims": […]}``;
the answer ``{"verdicts": [{"outcome": "confirmed", "grade": "witness", "reason": "outside", …}]}`` becomes a `Verdict`
whose text `render` makes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Protocol

import msgspec
from msgspec.structs import replace

from torchlint import claim as c
from torchlint.confirm import words
from torchlint.confirm.render import worded
from torchlint.diagnostic import Diagnostic

#: What an exception's text is cut to.
LONGEST_MESSAGE = 200

#: A larger text is not sent.
LARGEST_TEXT = 1 << 20

Size = Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]
Word = Annotated[str, msgspec.Meta(max_length=80)]
NAME = re.compile(r"[A-Za-z_][\w.]*")


class Recipe(msgspec.Struct):
    """How a model was made: ``kind``, where the call stands that did it, and which step of the claim the model is."""

    kind: Word = ""
    path: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    row: Size = 0
    step: Size = 0


class Input(msgspec.Struct):
    """What a model was given."""

    shape: Annotated[list[Size], msgspec.Meta(max_length=16)]
    dtype: Word = ""


class Answered(msgspec.Struct):
    """A verdict as it comes back."""

    outcome: c.Outcome
    grade: c.Grade
    reason: c.Reason
    numbers: Annotated[dict[Word, float], msgspec.Meta(max_length=32)] = {}
    shape: Annotated[list[Size], msgspec.Meta(max_length=16)] = []
    recipe: Recipe | None = None
    guessed: Annotated[list[Word], msgspec.Meta(max_length=32)] = []
    inputs: Annotated[list[Input], msgspec.Meta(max_length=16)] = []
    operation: Word = ""
    torch: Word = ""
    message: Annotated[str, msgspec.Meta(max_length=100_000)] = ""


class Ended(Protocol):
    """How a job ended: `status` has a ``value``: ``ok``, ``timeout``, …; `result` is what it gave."""

    @property
    def status(self) -> Any: ...

    @property
    def result(self) -> dict[str, Any] | None: ...


class Runner(Protocol):
    """Runs jobs, each in a process of its own (`torchlint.confirm.host.Host`)."""

    def run(self, job: dict[str, Any]) -> Ended: ...


class Plan(msgspec.Struct, frozen=True):
    """What a run may do, as the user has it.

    root: the folder of the project, whose files the run may read; folder: where the paths of diagnostics start.
    cpu: seconds for each claim. inputs, arguments: hints of the user or the project, by ``file.py:Class``. isolation:
    the level in force, in a word.
    """

    root: str
    folder: str
    cpu: float = 10.0
    inputs: Mapping[str, Any] = {}
    arguments: Mapping[str, Any] = {}
    isolation: str = ""


def confirm(
    diagnostics: Sequence[Diagnostic],
    text: Callable[[str], str | None],
    plan: Plan,
    runner: Runner,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Diagnostic]:
    """The diagnostics, those with a claim with the verdict on it.

    text: the text of a path as diagnostics have it; runner: runs the jobs, one after the other.
    """
    wanted = [index for index, one in enumerate(diagnostics) if one.claim is not None]
    out = list(diagnostics)
    for done, index in enumerate(wanted):
        if progress is not None:
            progress("confirm", done, len(wanted))
        claim = out[index].claim
        assert claim is not None
        asked = job(claim, text, plan)
        out[index] = replace(out[index], verdict=read(runner.run(asked), claim, plan, asked["files"]))
    return out


def job(claim: c.Claim, text: Callable[[str], str | None], plan: Plan) -> dict[str, Any]:
    """What a run is asked, as JSON: the claim with paths from the project's folder, and the texts of those."""
    described = msgspec.to_builtins(claim)
    inside = {path: _from_root(path, plan) for path in sorted(paths_of(claim))}
    texts = {inside[path]: text(path) for path in inside}
    files = {path: content for path, content in texts.items() if content is not None and len(content) <= LARGEST_TEXT}
    for span in described["places"]:
        span["path"] = inside[span["path"]]
    for step in described["steps"]:
        if step["type"] == "model" and step["owner"]:
            step["owner"] = inside[step["owner"]]
    return {
        "what": "claims",
        "root": plan.root,
        "files": files,
        "claims": [described],
        "hints": {"inputs": dict(plan.inputs), "arguments": dict(plan.arguments)},
        "cpu": plan.cpu,
    }


def paths_of(claim: c.Claim) -> set[str]:
    """The files that a claim names, whose texts a run is given."""
    owners = {step.owner for step in claim.steps if isinstance(step, c.Model) and step.owner}
    return owners | {span.path for span in claim.places}


def _from_root(path: str, plan: Plan) -> str:
    return os.path.relpath(os.path.join(plan.folder, path), plan.root).replace(os.sep, "/")


#: What a job's end means where it gave no answer.
ENDS = {
    "timeout": c.Reason.BUDGET,
    "memory": c.Reason.MEMORY,
    "bad answer": c.Reason.BAD_ANSWER,
}


def read(ended: Ended, claim: c.Claim, plan: Plan, files: Mapping[str, str]) -> c.Verdict:
    """The verdict of an answer; inconclusive where it is none, or not what a check can say.

    files: the texts that were sent. Words that stand in no closed list and in none of these are left out.
    """
    if ended.result is None:
        return _nothing(ENDS.get(str(ended.status.value), c.Reason.CRASHED), plan)
    try:
        found = msgspec.convert(ended.result.get("verdicts"), list[Answered])
    except msgspec.ValidationError:
        return _nothing(c.Reason.BAD_ANSWER, plan)
    if len(found) != 1 or not is_sound(found[0]):
        return _nothing(c.Reason.BAD_ANSWER, plan)
    one = found[0]
    verdict = c.Verdict(
        one.outcome,
        one.grade,
        one.reason,
        words.rounded(one.numbers),
        tuple(one.shape),
        _recipe(one.recipe, claim, plan),
        words.guesses(one.guessed, files),
        tuple(f"{given.dtype}[{', '.join(map(str, given.shape))}]" for given in one.inputs),
        words.word(one.operation),
        one.torch,
        plan.isolation,
        message=printable(one.message),
    )
    return replace(verdict, text=worded(verdict))


def is_sound(one: Answered) -> bool:
    """Whether an answer says what an answer may: types that there are, finite numbers, a grade where it decides."""
    decided = one.outcome is not c.Outcome.INCONCLUSIVE
    return (
        all(given.dtype in words.DTYPES for given in one.inputs)
        and all(number - number == 0 for number in one.numbers.values())
        and re.fullmatch(r"[0-9][0-9a-z.+]{0,30}|", one.torch) is not None
        and decided == (one.grade is not c.Grade.NONE)
    )


def printable(message: str) -> str:
    """A text of the linted program without control characters, on one line, cut."""
    plain = "".join(letter if letter.isprintable() else " " for letter in message[: 4 * LONGEST_MESSAGE])
    plain = " ".join(plain.split())
    return plain if len(plain) <= LONGEST_MESSAGE else plain[: LONGEST_MESSAGE - 1] + "…"


def _recipe(recipe: Recipe | None, claim: c.Claim, plan: Plan) -> str:
    """How the model was made, by what is known here: its name is the claim's, never the answer's."""
    model = claim.steps[recipe.step] if recipe is not None and recipe.step < len(claim.steps) else None
    if recipe is None or not isinstance(model, c.Model) or not NAME.fullmatch(model.name):
        return ""
    places = {_from_root(span.path, plan): span.path for span in claim.places}
    where = f" ({places[recipe.path]}:{recipe.row})" if recipe.row and recipe.path in places else ""
    return f"{model.name}{where}"


def _nothing(reason: c.Reason, plan: Plan) -> c.Verdict:
    verdict = c.Verdict(c.Outcome.INCONCLUSIVE, c.Grade.NONE, reason, isolation=plan.isolation)
    return replace(verdict, text=worded(verdict))
