"""TL102: a loss that applies sigmoid itself is fed probabilities."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LossCalled, Tensor, claims, trail
from torchlint.rule import Finding, Fix, Severity, dropped, fix, renamed, rule

#: Families of losses on scores of any size, whose gradient a sigmoid before them leaves alone.
MARGINS = frozenset({"multi-margin", "multilabel-margin", "soft-margin"})

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


def _claim(call: LossCalled) -> claims.Claimed | None:
    """That the input lies in [0, 1] whatever the weights are."""
    return claims.within_range(call.input, 0.0, 1.0, call.input_at) if _activates(call) else None


@rule(code="TL102", name="double-sigmoid", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def double_sigmoid(call: LossCalled) -> Iterator[Finding]:
    """The input of a loss that applies sigmoid itself is a sigmoid's or a softmax's output."""
    given = call.input
    if not _activates(call) or given is None or given.meaning is None:
        return
    if given.range is not None and not given.range.within(0.0, 1.0):
        return
    if given.meaning.kind == "probability":
        held, first = "probabilities", "the sigmoid before it"
    elif given.meaning.kind == "distribution":
        held, first = "the probabilities of a softmax", "the softmax before it"
    else:
        return
    other = ON_PROBABILITIES.get(call.known_name)
    cure = f"drop {first}, or {other}" if other and given.meaning.kind == "probability" else f"drop {first}"
    given_text = f"`{call.input_text}`" if call.input_text else "its input"
    yield Finding(
        call.place,
        f"`{call.loss}` {_deed(call)}, but {given_text} already holds {held}, "
        f"which a second activation squeezes together; {cure}",
        trail=trail(given),
        fixes=_fixes(call, given),
    )


def _activates(call: LossCalled) -> bool:
    """Whether the loss takes raw scores, to which it applies a sigmoid or something like it."""
    if call.takes != "logits" or call.region or call.family in MARGINS:
        return False
    return call.applies != "softmax" or call.family == "focal"


def _deed(call: LossCalled) -> str:
    if call.applies == "sigmoid" and call.family != "focal":
        return "applies sigmoid itself"
    return "takes raw scores and applies the activation itself" if call.applies else "takes raw scores"


def _fixes(call: LossCalled, given: Tensor) -> tuple[Fix, ...]:
    """The loss on probabilities, where it takes the same settings; or no activation in the model."""
    fixes: tuple[Fix, ...] = ()
    weighted = {"pos_weight"} & (call.settings_at.keys() | call.undecided)
    probability = given.meaning is not None and given.meaning.kind == "probability"
    if call.known_name in TWINS and probability and call.alone and not weighted and not call.autocast:
        twin = TWINS[call.loss]
        fixes = fix(f"use `{twin.rsplit('.', 1)[-1]}`", renamed(call.spelled_at, call.loss, twin), safe=True)
    if call.ending is not None and call.ending.op in ("sigmoid", "softmax"):
        fixes += fix(f"leave the {call.ending.op} out", dropped(call.ending))
    return fixes
