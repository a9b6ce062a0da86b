"""TL119: scores are compared with a threshold for probabilities, or probabilities with one for scores."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import OpCalled, Place, Tensor, claims, core, trail
from torchlint.rule import Finding, Fix, Severity, fix, replaced, rule, wrapped

COMPARISONS = frozenset({"gt", "ge", "lt", "le"})

#: Losses that train a head towards values of its own, which a threshold between 0 and 1 may suit.
REGRESSIONS = frozenset({"mse", "l1", "smooth-l1", "huber", "hinge", "soft-margin"})

#: What a mask becomes where it stands for a prediction.
TAKEN = frozenset({"eq", "float", "long", "int", "to", "type", "astype", "byte", "double", "half", "type_as", "numpy"})


def _claim(call: OpCalled) -> claims.Claimed | None:
    """Of what is compared with a threshold for probabilities, that it leaves [0, 1]; of what is compared with 0, that
    it never does."""
    threshold = call.other() if call.op in COMPARISONS else None
    kind = call.input.meaning.kind if call.input.meaning is not None else ""
    if call.losses & REGRESSIONS or not (call.activated or kind == "probability"):
        return None
    if call.op == "round" or (isinstance(threshold, float) and 0.0 < threshold < 1.0):
        return claims.outside_range(call.input, 0.0, 1.0, call.input_at)
    if threshold == 0.0 and call.used & TAKEN and "where" not in call.used and kind in ("logits", "probability"):
        return claims.within_range(call.input, 0.0, 1.0, call.input_at)
    return None


@rule(code="TL119", name="logits-thresholded-as-probability", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def logits_thresholded_as_probability(call: OpCalled) -> Iterator[Finding]:
    """A head that is trained on scores is read as a probability, or the other way round."""
    kind = call.input.meaning.kind if call.input.meaning is not None else ""
    threshold = call.other() if call.op in COMPARISONS else None
    activation = " or ".join(sorted(call.activated))
    if kind == "logits" and call.activated and not call.losses & REGRESSIONS:
        way = f"the loss passes them through a {activation}"
        if call.op == "round":
            said = f"rounds raw scores as if they were probabilities, while {way}; apply the {activation} first"
        elif isinstance(threshold, float) and 0.0 < threshold < 1.0:
            said = f"compares raw scores with a threshold for probabilities, while {way}; {_cure(call, activation)}"
        else:
            return
        yield Finding(call.place, f"`{call.text}` {said}", trail=trail(call.input), fixes=_fixes(call))
    elif _sigmoid(call) and threshold == 0.0 and call.used & TAKEN and "where" not in call.used:
        always = "true" if call.op in ("gt", "ge") else "false"
        yield Finding(
            call.place,
            f"`{call.text}` is always {always}: what is compared went through a sigmoid, and 0 is the threshold for "
            "raw scores; compare with 0.5",
            trail=trail(call.input),
            fixes=fix("compare with 0.5", replaced(_literal(call, "0"), "0.5"))
            if call.kinds == {"probability"}
            else (),
        )


def _sigmoid(call: OpCalled) -> bool:
    """Whether what is compared is what a sigmoid gave."""
    given = core(call.input)
    return isinstance(given, Tensor) and given.via is not None and given.via.op == "sigmoid"


def _cure(call: OpCalled, activation: str) -> str:
    if call.kinds != {"logits"}:
        return f"pass it what went through the {activation}, as is done elsewhere"
    zero = call.other() == 0.5 and activation == "sigmoid"
    return f"{'compare with 0, or ' if zero else ''}apply the {activation} first"


def _literal(call: OpCalled, text: str) -> Place | None:
    """Where the threshold stands, if it is written there as this number."""
    return call.arguments_at.get("other") if call.text.endswith(f" {text}") else None


def _fixes(call: OpCalled) -> tuple[Fix, ...]:
    """The threshold for scores, which gives the same as the sigmoid would; or the sigmoid."""
    if call.activated != {"sigmoid"} or call.kinds != {"logits"}:
        return ()
    fixes: tuple[Fix, ...] = ()
    if call.op in COMPARISONS and call.other() == 0.5:
        fixes = fix("compare with 0", replaced(_literal(call, "0.5"), "0"), safe=True)
    if call.input.holder == "tensor":
        fixes += fix("apply a sigmoid first", wrapped(call.input_at, "{torch.sigmoid}(", ")"))
    return fixes
