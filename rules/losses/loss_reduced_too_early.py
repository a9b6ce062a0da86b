"""TL127: a loss is averaged before it is weighted."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LossWeighted, claims, render, trail
from torchlint.rule import Changes, Finding, Severity, argument_added, fix, replaced, rule

#: Losses whose value for each element has the shape of the target, and not that of the input.
BY_TARGET = frozenset({"CrossEntropyLoss", "cross_entropy", "NLLLoss", "nll_loss"})


def _claim(weighted: LossWeighted) -> claims.Claimed | None:
    """That what is weighted sample by sample is one number."""
    return claims.single_number(weighted.loss, weighted.place)


@rule(code="TL127", name="loss-reduced-too-early", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def loss_reduced_too_early(weighted: LossWeighted) -> Iterator[Finding]:
    """What only makes sense of one loss for each sample is done with one number for the whole batch."""
    reduces = {"mean": "averages over the batch", "sum": "sums over the batch"}.get(weighted.reduction)
    if reduces is None:
        return
    name = f"`{weighted.name}`" if weighted.name else "the loss"
    fixes = fix("keep the losses of the samples apart", _unreduced(weighted)) if _fits(weighted) else ()
    yield Finding(
        weighted.place,
        f"{name} {reduces} first, {_reason(weighted)}; give it `reduction='none'` and reduce afterwards",
        trail=trail(weighted.loss),
        fixes=fixes,
    )


def _reason(weighted: LossWeighted) -> str:
    if weighted.how == "focal":
        return "so this focal weight is one for the whole batch and not one for each sample"
    if weighted.how == "rank":
        return "so there is one number to choose the largest losses from"
    shape = f" ({render(weighted.weights.shape)})" if weighted.weights is not None and weighted.weights.shape else ""
    if weighted.how == "mask":
        return f"so this mask{shape} picks the same number everywhere"
    return f"so these weights{shape} all multiply the same number and favour no sample over another"


def _unreduced(weighted: LossWeighted) -> Changes:
    written = weighted.settings_at.get("reduction")
    if written is not None:
        return replaced(written, '"none"')
    return argument_added(weighted.configured_at, 'reduction="none"')


def _fits(weighted: LossWeighted) -> bool:
    """Whether the losses of the samples can be weighted as they are: they have the shape of the weights."""
    if not weighted.settled or {"reduce", "size_average"} & weighted.settings_at.keys():
        return False
    if weighted.how == "focal":
        return True
    via = weighted.loss.via
    given = via.arguments.get("target" if weighted.name in BY_TARGET else "input") if via is not None else None
    shape = getattr(given, "shape", None)
    return (
        weighted.how == "weights" and weighted.weights is not None and bool(shape) and weighted.weights.shape == shape
    )
