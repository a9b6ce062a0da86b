"""TL319: a deep stack of sigmoids, through which no gradient comes back."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import SquashesStacked, trail
from torchlint.rule import Finding, Severity, rule

#: Sigmoids in a row from which the first layers hardly learn.
MANY = 5


@rule(code="TL319", name="vanishing-activations", since="0.1.0", severity=Severity.WARNING)
def vanishing_activations(stack: SquashesStacked) -> Iterator[Finding]:
    """Each sigmoid leaves a quarter of the gradient at most."""
    if stack.number < MANY:
        return
    yield Finding(
        stack.place,
        f"{stack.number} layers from here on are each followed by `{stack.text}`, whose slope is at most 1/4: of a "
        f"gradient, {0.25**stack.number:.1g} is left at the first at most, times the weights; use ReLU, or "
        "normalise between the layers",
        trail=trail(stack.input),
    )
