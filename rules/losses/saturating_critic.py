"""TL126: a Wasserstein critic ends in a sigmoid or tanh."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import BackwardCalled, Tensor, core, ending, trail
from torchlint.rule import Finding, Severity, dropped, fix, rule

#: Activations that bound what a critic says, and to what.
BOUNDED = {"sigmoid": "[0, 1]", "hardsigmoid": "[0, 1]", "tanh": "[−1, 1]", "hardtanh": "[−1, 1]"}


@rule(code="TL126", name="saturating-critic", since="0.1.0", severity=Severity.WARNING)
def saturating_critic(call: BackwardCalled) -> Iterator[Finding]:
    """Means of one model's outputs enter the loss with opposite signs, and an activation bounds them."""
    for first, second in call.opposed:
        activation = _last(first)
        if activation in BOUNDED and _last(second) == activation:
            name = f"`{first.run.name}`'s" if first.run is not None else "one model's"
            yield Finding(
                call.place,
                f"two means of {name} outputs enter the loss with opposite signs, as in a Wasserstein GAN, but a "
                f"{activation} bounds them to {BOUNDED[activation]}, where the distance saturates and the gradient "
                "vanishes; let the critic end without an activation",
                trail=trail(first),
                fixes=fix(f"end without the {activation}", dropped(ending(first))),
            )
            return


def _last(tensor: Tensor) -> str:
    """The operation that a tensor ends in, moves aside."""
    inner = core(tensor)
    return inner.via.op if isinstance(inner, Tensor) and inner.via is not None else ""
