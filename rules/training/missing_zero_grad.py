"""TL401: a loop steps an optimizer and never clears the gradients."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import TrailStep, TrainingIteration, claims
from torchlint.rule import Finding, Severity, rule


def _claim(iteration: TrainingIteration) -> claims.Claimed | None:
    """That a step sees the gradients of the batch before, too."""
    return claims.gradients_add(iteration)


@rule(code="TL401", name="missing-zero-grad", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def missing_zero_grad(iteration: TrainingIteration) -> Iterator[Finding]:
    """A loop steps an optimizer, and nothing in it clears the gradients."""
    if iteration.cleared or iteration.cleared_unknown:
        return
    name = iteration.optimizer or "optimizer"
    added = TrailStep(iteration.backward, "adds this batch's gradients to those of all batches before")
    yield Finding(
        iteration.place,
        f"`{name}` steps on the sum of the gradients of every batch so far: nothing in the loop around `backward` "
        f"clears them; call `{name}.zero_grad()` before `backward`",
        trail=(added,),
    )
