"""TL110: a softmax is taken over the single output of a layer."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import OpCalled, claims, trail
from torchlint.rule import Finding, Fix, Severity, fix, replaced, rule, unwrapped

#: What a softmax gives for one class.
CONSTANTS = {"softmax": "1", "softmin": "1", "log_softmax": "0", "Softmax2d": "1", "gumbel_softmax": "1"}

#: What does for one output what was meant: words for it, a layer and a function.
TWINS = {
    "softmax": ("a sigmoid", "torch.nn.Sigmoid", "torch.sigmoid"),
    "Softmax2d": ("a sigmoid", "torch.nn.Sigmoid", "torch.sigmoid"),
    "log_softmax": ("a log-sigmoid", "torch.nn.LogSigmoid", "torch.nn.functional.logsigmoid"),
}


def _claim(call: OpCalled) -> claims.Claimed | None:
    """That there is one class along the dimension of the softmax."""
    if call.op not in CONSTANTS or not claims.along_outputs(call):
        return None
    return claims.size_is_one(call.input, call.along(), call.input_at)


@rule(code="TL110", name="softmax-over-one-class", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def softmax_over_one_class(call: OpCalled) -> Iterator[Finding]:
    """The layer before the softmax has one output along the dimension that it normalises over."""
    constant = CONSTANTS.get(call.op)
    if constant is None or not call.single():
        return
    yield Finding(
        call.made or call.place,
        f"`{call.text}` normalises over a dimension of size 1, so that it gives {constant} whatever the layer before "
        f"it computes; use {TWINS.get(call.op, ('a sigmoid',))[0]} for one output, or give the layer an output for "
        "each class",
        trail=trail(call.input),
        fixes=_fixes(call),
    )


def _fixes(call: OpCalled) -> tuple[Fix, ...]:
    """The sigmoid in the softmax's place, which is not what was meant if there should be more outputs."""
    if call.op not in TWINS:
        return ()
    words, layer, function = TWINS[call.op]
    if call.made is not None:
        return fix(f"use {words}", replaced(call.made, f"{{{layer}}}()"))
    return fix(f"use {words}", unwrapped(call.place, call.input_at, f"{{{function}}}(", ")"))
