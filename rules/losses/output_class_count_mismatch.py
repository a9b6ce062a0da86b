"""TL123: the output has fewer classes than the data, or another number than its target."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from torchlint.facts import LossCalled, Tensor, claims, trail
from torchlint.rule import Finding, Severity, rule

INTEGERS = frozenset({"uint8", "int8", "int16", "int32", "int64"})

#: Meanings of integers that are no intensities: their ends are reached where they are said to be.
COUNTED = frozenset({"class-index", "noise", "binary"})


def _claim(call: LossCalled) -> claims.Claimed | None:
    """That the loss refuses a class id that the data have, or the shape of rows of classes."""
    target = call.target
    if target is None or call.caught or not call.form.per_class or call.turned:
        return None
    if call.misfit is not None:
        return claims.loss_fails(call, "shape") if call.misfit.kind == "classes" else None
    kind = target.meaning.kind if target.meaning is not None else ""
    known = kind == "class-index" and target.meaning is not None and target.meaning.classes
    ends = target.range is not None and target.range.tight and not target.range.unbounded
    ends = ends and target.range is not None and (kind in COUNTED or target.range.low == target.range.high)
    if target.dtype not in INTEGERS or not (known or ends):
        return None
    return claims.loss_fails(call, "classes")


@rule(code="TL123", name="output-class-count-mismatch", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def output_class_count_mismatch(call: LossCalled) -> Iterator[Finding]:
    """A class of the data has no output, or output and target count different classes."""
    outputs, target = call.classes, call.target
    if outputs is None or outputs < 2 or target is None:
        return
    misfit = call.misfit
    if misfit is not None:
        if misfit.kind == "classes":
            yield Finding(
                call.place,
                f"{call.title} is given {outputs} classes by {call.given_text} and {misfit.target[1]} by "
                f"{call.wanted_text}; give the model's last layer as many outputs as the target has classes",
                trail=trail(call.input),
            )
        return
    words = _beyond(target, outputs, call)
    if words:
        yield Finding(
            call.place,
            f"{words}, but {call.given_text} has {outputs} classes, 0 to {outputs - 1}; {_cure(target, outputs)}",
            trail=trail(call.input) + trail(target),
        )


def _beyond(target: Tensor, outputs: int, call: LossCalled) -> str:
    """What is wrong with the class ids; empty if nothing is known to be."""
    meaning = target.meaning
    if target.dtype not in INTEGERS:
        return ""
    if meaning is not None and meaning.kind == "class-index" and (meaning.classes or 0) > outputs:
        return f"the data has {meaning.classes} classes"
    ends = target.range
    if ends is None or not ends.tight:
        return ""
    constant = ends.low == ends.high
    if not constant and (meaning is None or meaning.kind not in COUNTED):
        return ""
    ignored = call.settings.get("ignore_index") if "ignore_index" not in call.undecided else ...
    for end in (ends.high, ends.low):
        if ignored is ... or end == ignored or 0 <= end < outputs or abs(end) == inf:
            continue
        return f"{call.wanted_text} {'is' if constant else 'holds class ids up to' if end > 0 else 'holds'} {end:g}"
    return ""


def _cure(target: Tensor, outputs: int) -> str:
    ends = target.range
    if ends is not None and ends.low == 1.0 and ends.high == outputs:
        return "subtract 1 from the target, whose first class is 0"
    return "give the model's last layer an output for each class"
