"""Words for verdicts: the only place that makes them, of closed sets of reasons and of numbers.

Worked example: ``Verdict(CONFIRMED, WITNESS, OUTSIDE, {"min": -0.015, "max": 0.1, "low": 0, "high": 1, "seed": 0},
recipe="Net (train.py:18)", inputs=("float32[2, 1, 28, 28]",))`` reads "confirmed (witness): a value left [0, 1]: min
−0.015, max 0.1; Net (train.py:18); input float32[2, 1, 28, 28]; seed 0, initial weights".

**Invariant:** no verdict says that a program is safe or correct, or that something cannot happen.
"""

from __future__ import annotations

from collections.abc import Mapping

from torchlint.claim import Grade, Outcome, Reason, Verdict

#: What was seen; names in braces are numbers of the verdict.
SEEN: Mapping[Reason, str] = {
    Reason.OUTSIDE: "a value left {range}: min {min}, max {max}",
    Reason.BOUNDED: "it lies in {range} for every weight on the path that ran{last}",
    Reason.INSIDE: "it lies in {range} for every weight on the path that ran{last}",
    Reason.STAYED: "scaled weights and several seeds stayed inside, but no proof was found (min {min}, max {max})",
    Reason.NORMALISED: "the values are a softmax's already{last}",
    Reason.NOT_NORMALISED: "the values do not sum to 1: {sum}",
    Reason.RAISED: "torch raised {operation}",
    Reason.BROADCAST: "torch warned that the shapes broadcast",
    Reason.RAN: "torch took these arguments, which were drawn",
    Reason.CONSTANT: "the value is {constant} whatever the weights are",
    Reason.VARIES: "the value varies: min {min}, max {max}",
    Reason.UNREACHED: "no gradient reached any of {parameters} parameters",
    Reason.REACHED: "a gradient reached {reached} of {parameters} parameters",
    Reason.MIXED: "the first sample changed by {change} when only other samples were changed",
    Reason.SEPARATE: "the first sample did not change when only other samples were changed",
    Reason.WRAPPED: "of values from {min} to {max}, {held} became the pixel {pixel}",
    Reason.MEASURED_INSIDE: "pictures of every level gave values from {min} to {max}",
    Reason.NEW_VALUES: "{count} values stand between the {held} that were there before",
    Reason.NO_NEW_VALUES: "no value appeared between the {held} that were there before",
    Reason.PIXELS_DIFFER: "the same colour became {one} here and {other} there",
    Reason.PIXELS_SAME: "the same colours became the same numbers",
    Reason.AXES_MIXED: "the numbers stand where no permutation of the axes puts them",
    Reason.AXES_KEPT: "a permutation of the axes puts the numbers where they stand",
    Reason.SIZE_ONE: "dimension {dim} has size 1",
    Reason.SIZE_MORE: "dimension {dim} has size {size}",
    Reason.ONE_NUMBER: "it is one number",
    Reason.MORE_NUMBERS: "it holds {count} numbers",
    Reason.ADDED: "the gradient at the second step differs from that of its batch by {gap} of {size}",
    Reason.CLEARED: "the gradient at the second step was that of its batch alone",
    Reason.VANISHING: "the gradient shrinks by a factor of 10^{ratio} between the last layer and the first",
    Reason.EXPLODING: "the gradient grows by a factor of 10^{ratio} between the last layer and the first",
    Reason.STEADY: "the gradient changes by a factor of 10^{ratio} at the initial weights",
    Reason.DIFFERS: "two calls in evaluation mode differ by {change}",
    Reason.SAME: "two calls in evaluation mode gave the same",
    Reason.UNREGISTERED: "{count} tensors to be trained are not among the model's {parameters} parameters",
    Reason.REGISTERED: "all {count} tensors to be trained are among the model's {parameters} parameters",
    Reason.NON_FINITE: "{count} values are infinite or not a number",
    Reason.FINITE: "all values were finite",
    Reason.NO_MODEL: "no model is known that computes this",
    Reason.NOT_BUILT: "the model could not be built",
    Reason.ARGUMENT: "an argument that is needed is not known",
    Reason.PACKAGE: "a package that is needed{named} could not be imported by the interpreter that runs the model",
    Reason.DOWNLOAD: "it needs a download, which is not done",
    Reason.CONSTRUCTOR: "the constructor of the model raised an exception",
    Reason.LOAD: "the file that defines the model could not be loaded",
    Reason.NO_INPUT: "no input was found that the model takes",
    Reason.GUESSED: "what was seen rests on values that were guessed",
    Reason.FORWARD: "the model raised an exception",
    Reason.UNKNOWN_STEP: "a step between the model and this place is not known{named}",
    Reason.BUDGET: "the time for it was used up",
    Reason.MEMORY: "the memory for it was used up",
    Reason.CRASHED: "the process ended without an answer",
    Reason.BAD_ANSWER: "the process gave an answer that is none",
    Reason.UNSUPPORTED: "no check is known for this form of it",
}


def worded(verdict: Verdict) -> str:
    """What a verdict says, on one line."""
    seen = SEEN[verdict.reason].format_map(_Numbers(verdict))
    grade = "" if verdict.grade is Grade.NONE else f" ({verdict.grade.value})"
    how = "; ".join(_how(verdict)) if verdict.outcome is not Outcome.INCONCLUSIVE else ""
    guesses = f" (assumed: {', '.join(verdict.guessed)})" if verdict.guessed else ""
    return f"{verdict.outcome.value}{grade}: {seen}{guesses}{'; ' if how else ''}{how}"


def _how(verdict: Verdict) -> list[str]:
    """With which model, input, seed and weights."""
    parts = []
    if verdict.recipe:
        parts.append(verdict.recipe)
    if verdict.grade in (Grade.WITNESS, Grade.SCALED, Grade.MEASURED) and verdict.inputs:
        parts.append(f"input {', '.join(verdict.inputs)}")
    if "seed" in verdict.numbers:
        factor = verdict.numbers.get("last_layer")
        weights = "initial weights" if factor is None else f"last layer times {number(factor)}"
        parts.append(f"seed {number(verdict.numbers['seed'])}, {weights}")
    return parts


class _Numbers(dict[str, str]):
    """The words that stand in braces."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__({name: number(value) for name, value in verdict.numbers.items()})
        self["operation"] = verdict.operation
        self["named"] = f" ({verdict.operation})" if verdict.operation else ""
        self["last"] = f"; last operation {verdict.operation}" if verdict.operation else ""
        low, high = (verdict.numbers.get(name) for name in ("low", "high"))
        self["range"] = f"[{'−∞' if low is None else number(low)}, {'∞' if high is None else number(high)}]"

    def __missing__(self, name: str) -> str:
        return "?"


def number(value: float) -> str:
    """A number as a person writes it: four digits, no exponent where it is short without."""
    return f"{value or 0.0:.4g}".replace("-", "−")
