"""TL126: a Wasserstein critic ends in a sigmoid."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import BackwardCalled, Tensor, ending, trail
from torchlint.rule import Finding, Severity, dropped, fix, rule


@rule(code="TL126", name="saturating-critic", since="0.1.0", severity=Severity.WARNING)
def saturating_critic(call: BackwardCalled) -> Iterator[Finding]:
    """The loss is the difference of the means of one model's outputs, and a sigmoid bounds them."""
    for first, second in call.opposed:
        if _is_sigmoid(first) and _is_sigmoid(second):
            assert first.run is not None
            yield Finding(
                call.place,
                f"the loss is the difference between two means of `{first.run.name}`'s outputs, as in a Wasserstein "
                "GAN, but a sigmoid bounds them to [0, 1], where the distance saturates and the gradient vanishes; let "
                "the critic end without an activation",
                trail=trail(first),
                fixes=fix("end without the sigmoid", dropped(ending(first))),
            )
            return


def _is_sigmoid(tensor: Tensor) -> bool:
    return tensor.meaning is not None and tensor.meaning.kind == "probability" and tensor.via is not None
