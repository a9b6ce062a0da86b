"""TL101: a loss on probabilities is fed values that no sigmoid bounded."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LossCalled, Tensor, TrailStep, claims, trail
from torchlint.rule import Finding, Fix, Severity, fix, renamed, rule, wrapped

#: Meanings of values that a network computes and that are no probabilities: what their last operation does.
RAW = {
    "logits": "gives raw scores",
    "activation": "is no sigmoid",
    "log-distribution": "gives log-probabilities",
    "log-probability": "gives log-probabilities",
}

#: Meanings that are probabilities or labels, whatever their range says.
PROBABLE = frozenset({"probability", "distribution", "binary", "class-index", "image"})


#: The losses on raw scores that do the same.
TWINS = {
    "BCELoss": "torch.nn.BCEWithLogitsLoss",
    "binary_cross_entropy": "torch.nn.functional.binary_cross_entropy_with_logits",
}


def _claim(call: LossCalled) -> claims.Claimed | None:
    """That the input leaves [0, 1]."""
    if call.takes != "probability" or call.region:
        return None
    return claims.outside_range(call.input, 0.0, 1.0, call.input_at)


@rule(code="TL101", name="bce-on-logits", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def bce_on_logits(call: LossCalled) -> Iterator[Finding]:
    """The input of a loss on probabilities is known to leave [0, 1]."""
    given = call.input
    if call.takes != "probability" or call.region or given is None or not _leaves_unit_range(given):
        return
    kind = "" if given.meaning is None else given.meaning.kind
    computed = given.grad == "attached" or given.run is not None
    if kind in PROBABLE or not (kind in RAW or computed):
        return
    assert given.range is not None
    unbounded = given.range.unbounded
    extent = "is unbounded" if unbounded else f"ranges over {given.range}"
    steps = trail(given)
    words = f": {_last_operation(steps)} {RAW[kind]}" if kind in RAW else ""
    cure = _cure(call, kind, unbounded)
    yield Finding(
        call.place,
        f"{call.title} expects probabilities in [0, 1], but {call.given_text} {extent}{words}; {cure}",
        trail=call.trail,
        fixes=_fixes(call, kind, unbounded),
    )


def _fixes(call: LossCalled, kind: str, unbounded: bool) -> tuple[Fix, ...]:
    """The loss on raw scores, or a sigmoid before this one; the `exp` of logarithms.

    The first is right as it is if nothing else reads the scores as probabilities, and if no other value meets the
    same loss.
    """
    fixes: tuple[Fix, ...] = ()
    if kind in ("log-distribution", "log-probability"):
        return fix("take the `exp` first", wrapped(call.input_at, "{torch.exp}(", ")")) if call.settled else ()
    if kind not in ("logits", "activation") or not unbounded:
        return ()
    if call.known_name in TWINS and call.alone:
        twin = TWINS[call.loss]
        use = renamed(call.spelled_at, call.loss, twin)
        fixes = fix(f"use `{twin.rsplit('.', 1)[-1]}`", use, safe=not call.read_as_probability)
    if call.settled:
        fixes += fix("apply a sigmoid first", wrapped(call.input_at, "{torch.sigmoid}(", ")"))
    return fixes


def _last_operation(steps: tuple[TrailStep, ...]) -> str:
    """What the trail ends in, as the program spells it."""
    quoted = steps[-1].note.split("`") if steps else []
    return f"`{quoted[1]}`" if len(quoted) > 2 else "its last operation"


def _leaves_unit_range(tensor: Tensor) -> bool:
    return tensor.range is not None and tensor.range.tight and not tensor.range.within(0.0, 1.0)


def _cure(call: LossCalled, kind: str, unbounded: bool) -> str:
    binary = call.family == "bce" and not call.taught
    if kind in ("log-distribution", "log-probability"):
        other = ", or feed the raw scores to the loss on logits" if binary else ""
        return f"take the `exp` of them first{other}"
    if unbounded and not binary:
        return "apply a sigmoid first"
    if unbounded:
        twin = "BCEWithLogitsLoss" if call.loss == "BCELoss" else "binary_cross_entropy_with_logits"
        return f"use `{twin}`, or apply a sigmoid first"
    return "let a sigmoid be the last activation"
