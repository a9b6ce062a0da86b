"""TL124: an activation or a loss that makes classes exclude each other meets samples with several labels."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LossCalled, Tensor, claims, several_hot, trail
from torchlint.rule import Finding, Severity, rule


def _claim(call: LossCalled) -> claims.Claimed | None:
    """Of labels of which each is 0 or 1 by itself, that they do not sum to 1 over the classes; or, where a loss would
    take several at once, that the output always does."""
    output, target = call.input, call.target
    if output is None or target is None or call.written_at is not None or call.turned or not several_hot(target):
        return None
    if not _same_rank(output, target) or (target.dtype or "").startswith(("int", "uint", "bool")):
        return None
    if call.family == "bce":
        return claims.normalised(output, call.input_at)
    if call.applies != "softmax" or call.wants != "class-index":
        return None
    return claims.picture_unnormalised(target, 1)


@rule(code="TL124", name="exclusive-loss-for-multilabel", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def exclusive_loss_for_multilabel(call: LossCalled) -> Iterator[Finding]:
    """Labels of which each is 0 or 1 by itself meet a softmax."""
    output, target = call.input, call.target
    if output is None or target is None or call.written_at is not None or call.turned or not several_hot(target):
        return
    if not _same_rank(output, target) or not (output.run is not None or output.grad == "attached"):
        return
    text = f"`{call.target_text}`" if call.target_text else "its target"
    if call.applies == "softmax" and call.wants == "class-index":
        if (target.dtype or "").startswith(("int", "uint", "bool")):
            return
        how = f"`{call.loss}` lets exactly one class be true"
        cure = "use `BCEWithLogitsLoss`"
    elif call.family == "bce" and output.meaning is not None and output.meaning.kind == "distribution":
        how = f"the softmax before `{call.loss}` lets classes exclude each other"
        cure = "end the model in a sigmoid instead"
    else:
        return
    yield Finding(
        call.place,
        f"{how}, but each label in {text} is 0 or 1 by itself, so that several can be true at once; {cure}",
        trail=trail(target),
    )


def _same_rank(output: Tensor, target: Tensor) -> bool:
    """Whether the labels have the output's dimensions, and more than one in that of the classes, as far as known."""
    if output.shape is None or target.shape is None:
        return True
    if len(output.shape) != len(target.shape) or len(target.shape) < 2:
        return False
    return target.shape[1] != 1 and output.shape[1] != 1
