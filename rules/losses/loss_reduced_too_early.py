"""TL127: a loss is averaged before it is weighted."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LossWeighted, render, trail
from torchlint.rule import Finding, Severity, rule


@rule(code="TL127", name="loss-reduced-too-early", since="0.1.0", severity=Severity.ERROR)
def loss_reduced_too_early(weighted: LossWeighted) -> Iterator[Finding]:
    """Weights that differ from sample to sample meet a loss that is one number already."""
    how = {"mean": "averages over the batch", "sum": "sums over the batch"}.get(weighted.reduction)
    if how is None:
        return
    name = f"`{weighted.name}`" if weighted.name != "the loss" else weighted.name
    if weighted.weights is None:
        reason = "so this focal weight is one for the whole batch and not one for each sample"
    else:
        shape = render(weighted.weights.shape)
        reason = f"so these weights ({shape}) all multiply the same number and favour no sample over another"
    yield Finding(
        weighted.place,
        f"{name} {how} first, {reason}; give it `reduction='none'` and reduce after the weighting",
        trail=trail(weighted.loss),
    )
