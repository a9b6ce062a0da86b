"""TL102: a loss that applies sigmoid itself is fed probabilities."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LossCalled, Tensor, trail
from torchlint.rule import Finding, Fix, Severity, dropped, fix, renamed, rule

#: Families of losses that apply sigmoid to their input, or another activation to raw scores, in words.
APPLY = {
    "bce-with-logits": "applies sigmoid itself",
    "multilabel-soft-margin": "applies sigmoid itself",
    "asymmetric": "applies sigmoid itself",
    "focal": "takes raw scores and applies the activation itself",
}

#: The loss that takes what the input already is.
ON_PROBABILITIES = {
    "BCEWithLogitsLoss": "use `BCELoss`",
    "binary_cross_entropy_with_logits": "use `binary_cross_entropy`",
}


#: The same losses on probabilities.
TWINS = {
    "BCEWithLogitsLoss": "torch.nn.BCELoss",
    "binary_cross_entropy_with_logits": "torch.nn.functional.binary_cross_entropy",
}


@rule(code="TL102", name="double-sigmoid", since="0.1.0", severity=Severity.ERROR)
def double_sigmoid(call: LossCalled) -> Iterator[Finding]:
    """The input of a loss that applies sigmoid itself is a sigmoid's or a softmax's output."""
    given = call.input
    if call.family not in APPLY or given is None or given.meaning is None:
        return
    if given.range is not None and not given.range.within(0.0, 1.0):
        return
    if given.meaning.kind == "probability":
        held, first = "probabilities", "the sigmoid before it"
    elif given.meaning.kind == "distribution":
        held, first = "the probabilities of a softmax", "the softmax before it"
    else:
        return
    other = ON_PROBABILITIES.get(call.loss)
    cure = f"drop {first}, or {other}" if other and given.meaning.kind == "probability" else f"drop {first}"
    given_text = f"`{call.input_text}`" if call.input_text else "its input"
    yield Finding(
        call.place,
        f"`{call.loss}` {APPLY[call.family]}, but {given_text} already holds {held}, "
        f"which a second activation squeezes together; {cure}",
        trail=trail(given),
        fixes=_fixes(call, given),
    )


def _fixes(call: LossCalled, given: Tensor) -> tuple[Fix, ...]:
    """The loss on probabilities, where it takes the same settings; or no activation in the model."""
    fixes: tuple[Fix, ...] = ()
    weighted = {"pos_weight"} & (call.settings_at.keys() | call.undecided)
    probability = given.meaning is not None and given.meaning.kind == "probability"
    if call.loss in TWINS and probability and call.alone and not weighted and not call.autocast:
        twin = TWINS[call.loss]
        fixes = fix(f"use `{twin.rsplit('.', 1)[-1]}`", renamed(call.spelled_at, call.loss, twin), safe=True)
    if call.ending is not None and call.ending.op in ("sigmoid", "softmax"):
        fixes += fix(f"leave the {call.ending.op} out", dropped(call.ending))
    return fixes
