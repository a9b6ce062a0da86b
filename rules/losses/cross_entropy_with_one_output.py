"""TL113: a softmax over the one class that a model has."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LossCalled, Tensor, claims, trail
from torchlint.rule import Finding, Severity, rule

#: Outputs of a softmax over one class, which other rules speak of, and what no model gave.
OTHERS = frozenset({"distribution", "log-distribution", "image"})


def _claim(call: LossCalled) -> claims.Claimed | None:
    """That the loss is the same number whatever the model gives."""
    return claims.constant_loss(call) if call.takes == "logits" and call.form.per_class else None


@rule(code="TL113", name="cross-entropy-with-one-output", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def cross_entropy_with_one_output(call: LossCalled) -> Iterator[Finding]:
    """A loss over classes is given a single output channel."""
    given = call.input
    if call.classes != 1 or given is None or call.takes != "logits":
        return
    if given.meaning is not None and given.meaning.kind in OTHERS:
        return
    yield Finding(
        call.place,
        f"{call.title} compares classes, but {call.given_text} has only one {_unit(given)}, so the loss is always 0; "
        f"{_cure(call.target)}",
        trail=trail(given),
    )


def _unit(output: Tensor) -> str:
    return "channel" if output.shape is not None and len(output.shape) > 2 else "score a sample"


def _cure(target: Tensor | None) -> str:
    """What to do, by what the target is known to hold."""
    meaning = None if target is None else target.meaning
    if meaning is not None and meaning.kind == "class-index" and meaning.classes is not None and meaning.classes > 2:
        return f"give the model {meaning.classes} outputs, one for each class"
    if target is not None and target.dtype is not None and target.dtype.startswith("float") and not _binary(target):
        return "use a regression loss such as `MSELoss`, or an output for each class"
    return "use `BCEWithLogitsLoss` with a float target of the same shape, or an output for each class"


def _binary(target: Tensor) -> bool:
    return target.meaning is not None and target.meaning.kind in ("binary", "probability")
