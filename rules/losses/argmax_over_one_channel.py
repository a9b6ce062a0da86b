"""TL120: the classes of a model with one output are taken by argmax."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import OpCalled, claims, trail
from torchlint.rule import Finding, Fix, Severity, fix, rule, unwrapped

#: Operations that give indices and nothing else, and those that give values too.
INDICES = frozenset({"argmax", "argmin"})
VALUES_TOO = frozenset({"max", "topk"})


def _claim(call: OpCalled) -> claims.Claimed | None:
    """That there is one entry along the dimension whose index is asked for."""
    if call.op not in INDICES and not (call.op in VALUES_TOO and "eq" in call.used):
        return None
    return claims.size_is_one(call.input, call.along(), call.input_at) if claims.along_outputs(call) else None


@rule(code="TL120", name="argmax-over-one-channel", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def argmax_over_one_channel(call: OpCalled) -> Iterator[Finding]:
    """The index along a dimension of size 1 is asked for."""
    if call.op not in INDICES and not (call.op in VALUES_TOO and "eq" in call.used):
        return
    if not call.single():
        return
    threshold = _threshold(call)
    cures = {
        None: "compare the one output with a threshold, or give the last layer an output for each class",
        "0": "compare the score with 0, where its sigmoid is 0.5",
        "0.5": "compare the probability with 0.5",
    }
    yield Finding(
        call.place,
        f"`{call.text}` takes the index along a dimension of size 1, which is 0 for every sample; {cures[threshold]}",
        trail=trail(call.input),
        fixes=_fixes(call, threshold),
    )


def _threshold(call: OpCalled) -> str | None:
    """What the one output is to be compared with, if that is known."""
    if call.kinds == {"probability"}:
        return "0.5"
    return "0" if call.kinds == {"logits"} and call.activated == {"sigmoid"} else None


def _fixes(call: OpCalled, threshold: str | None) -> tuple[Fix, ...]:
    """The comparison, as whole numbers of the same shape as the indices."""
    keep = call.constant("keepdim", "keepdims")
    if threshold is None or call.op != "argmax" or keep not in (True, False, None):
        return ()
    numbers = '.astype("int64")' if call.input.holder == "numpy" else ".long()"
    shape = "" if keep else f".squeeze({call.integer('dim', 'axis')})"
    change = unwrapped(call.place, call.input_at, "(", f" > {threshold}){numbers}{shape}")
    return fix(f"compare with {threshold}", change)
