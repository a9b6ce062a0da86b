"""TL108: a regression loss is trained on class ids."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LossCalled, Tensor, claims, core, differs, trail
from torchlint.rule import Finding, Severity, rule


def _claim(call: LossCalled) -> claims.Claimed | None:
    """That the loss broadcasts class ids, or refuses them for their dtype; where it takes them as they are, no run can
    tell that the numbers are names of classes."""
    output, target = call.input, call.target
    if call.takes != "value" or call.wants != "value" or output is None or target is None or target.meaning is None:
        return None
    if target.meaning.kind != "class-index":
        return None
    if output.shape is not None and target.shape is not None:
        pairs = zip(output.shape, target.shape, strict=False)
        if len(output.shape) != len(target.shape) or any(differs(a, b) for a, b in pairs):
            return claims.loss_fails(call, "shape")
    return claims.loss_fails(call, "dtype") if (target.dtype or "").startswith(("int", "uint")) else None


@rule(code="TL108", name="regression-loss-on-class-labels", since="0.1.0", severity=Severity.WARNING, claim=_claim)
def regression_loss_on_class_labels(call: LossCalled) -> Iterator[Finding]:
    """A regression loss compares what a model gives with the ids of classes."""
    if call.takes != "value" or call.wants != "value" or call.written_at is not None:
        return
    output, target, text = call.input, call.target, call.target_text
    if output is not None and target is not None and target.grad == "attached" and output.grad != "attached":
        output, target, text = target, output, call.input_text  # a regression does not mind the order
    if output is None or target is None or output.grad != "attached" or target.run is not None:
        return
    count = _classes(output, target)
    if count is None:
        return
    labels = f"`{text}`" if text else "its target"
    several = f"of {count} classes" if count else "of classes"
    yield Finding(
        call.place,
        f"`{call.loss}` treats {labels}, the ids {several}, as amounts: class 0 is nearer to 1 than to 2; "
        f"{_cure(output, count)}",
        trail=trail(target),
    )


def _classes(output: Tensor, target: Tensor) -> int | None:
    """The number of classes whose ids the target holds, 0 if it is not known; None if it holds no ids."""
    meaning = target.meaning
    if meaning is not None and meaning.kind == "class-index":
        return meaning.classes or 0
    drawn = core(target)
    if meaning is None or meaning.kind != "noise" or not isinstance(drawn, Tensor) or drawn.dtype != "int64":
        return None
    # random integers from 0 to K − 1, one a sample, beside K outputs a sample
    shape, wanted = output.shape, target.shape
    if shape is None or wanted is None or target.range is None or len(shape) != 2 or len(wanted) != 1:
        return None
    count = shape[1]
    top = target.range
    return count if isinstance(count, int) and count > 2 and (top.low, top.high) == (0, count - 1) else None


def _cure(output: Tensor, count: int) -> str:
    if count == 2:
        return "use `BCEWithLogitsLoss` on one output, or `CrossEntropyLoss` on two"
    return f"use `CrossEntropyLoss` on {count or 'as many'} outputs{'' if count else ' as there are classes'}"
