"""TL104: the negative log-likelihood is fed something that is no log-probability."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LossCalled, Tensor, claims, trail
from torchlint.rule import Finding, Fix, Severity, dropped, exchanged, fix, renamed, rule

#: The losses on raw scores that apply log-softmax themselves.
TWINS = {"NLLLoss": "torch.nn.CrossEntropyLoss", "nll_loss": "torch.nn.functional.cross_entropy"}

#: Families of losses on log-probabilities that are no likelihood of a class.
OTHERS = frozenset({"ctc", "kl-div"})

#: How far above 0 the logarithm of a probability may be to which a small number was added.
SLACK = 1e-3


def _claim(call: LossCalled) -> claims.Claimed | None:
    """That the input is above 0 somewhere, as no log-probability is."""
    if call.takes != "log-probability" or call.family in OTHERS:
        return None
    return claims.outside_range(call.input, None, SLACK, call.input_at)


@rule(code="TL104", name="nll-on-non-log-probabilities", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def nll_on_non_log_probabilities(call: LossCalled) -> Iterator[Finding]:
    """The input of a negative log-likelihood is known to be scores or probabilities."""
    given = call.input
    if call.takes != "log-probability" or call.family in OTHERS or given is None:
        return
    came = _not_log(given)
    if came is None:
        return
    words, cure = {
        "logits": ("raw scores of a layer", "apply `log_softmax` first"),
        "distribution": ("the output of a softmax", "use `log_softmax`"),
        "probability": ("the output of a sigmoid", "use `log_softmax`"),
    }[came]
    if call.family == "nll" and not call.taught:
        combined = "CrossEntropyLoss" if call.loss == "NLLLoss" else "cross_entropy"
        cure += f", or use `{combined}`" if came == "logits" else f", or pass the raw scores to `{combined}`"
    given_text = f"`{call.input_text}`" if call.input_text else "its input"
    yield Finding(
        call.place,
        f"`{call.loss}` expects log-probabilities, but {given_text} is {words}, "
        f"and the loss takes no logarithm itself; {cure}",
        trail=trail(given),
        fixes=_fixes(call, came),
    )


def _fixes(call: LossCalled, came: str) -> tuple[Fix, ...]:
    """The loss on raw scores, safe where that alone is changed; the logarithm where the softmax is."""
    fixes: tuple[Fix, ...] = ()
    if came == "distribution" and call.ending is not None and call.ending.op == "softmax":
        fixes = fix("use `log_softmax`", exchanged(call.ending, "log_softmax"))
    if call.known_name in TWINS and call.alone:
        twin = TWINS[call.loss]
        use = renamed(call.spelled_at, call.loss, twin)
        short = twin.rsplit(".", 1)[-1]
        if came == "logits":
            fixes += fix(f"use `{short}`", use, safe=not call.read_as_probability)
        elif call.ending is not None and call.ending.op in ("softmax", "sigmoid"):
            fixes += fix(f"leave the {call.ending.op} out and use `{short}`", dropped(call.ending), use)
    return fixes


def _not_log(tensor: Tensor) -> str | None:
    """What the tensor is, if that is known to be no log-probability."""
    kind = None if tensor.meaning is None else tensor.meaning.kind
    if kind == "logits":
        return kind if tensor.range is not None and tensor.range.tight and tensor.range.unbounded else None
    if kind in ("distribution", "probability"):
        return kind if tensor.range is None or tensor.range.within(0.0, 1.0) else None
    return None
