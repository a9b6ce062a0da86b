"""TL105: a Kullback–Leibler divergence is given a distribution in the wrong space."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from torchlint.facts import LossCalled, Tensor, claims, core, trail
from torchlint.rule import Finding, Fix, Severity, argument_added, exchanged, fix, replaced, rule, swapped, wrapped

#: What values are that are known to be no logarithms of probabilities, in words.
HELD = {
    "logits": "raw scores of a layer",
    "distribution": "the output of a softmax",
    "probability": "the output of a sigmoid",
    "binary": "zeros and ones",
}


#: How far above 0 the logarithm of a probability may be, and how far below 0 a probability, by rounding.
SLACK = 1e-3


def _claim(call: LossCalled) -> claims.Claimed | None:
    """That the input is above 0 somewhere, as no log-probability is; if it is known to be none, that of the target."""
    if call.takes != "log-probability" or call.wants != "distribution":
        return None
    if call.input is None or _is_log(call.input):
        return _claim_of_target(call)
    return claims.outside_range(call.input, None, SLACK, call.input_at)


def _claim_of_target(call: LossCalled) -> claims.Claimed | None:
    """That the target holds something that no distribution, or logarithm of one, does."""
    if call.target is None or "log_target" in call.undecided:
        return None
    low, high = (None, SLACK) if call.settings.get("log_target") is True else (-SLACK, 1.0 + SLACK)
    return claims.outside_range(call.target, low, high, call.target_at)


@rule(code="TL105", name="kl-div-input-not-log", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def kl_div_input_not_log(call: LossCalled) -> Iterator[Finding]:
    """The input is known to hold no logarithms, or the target is not in the space that `log_target` says."""
    if call.takes != "log-probability" or call.wants != "distribution":
        return
    given, target = call.input, call.target
    logarithms = call.settings.get("log_target") if "log_target" not in call.undecided else None
    wrong = _no_log(given)
    if given is not None and wrong:
        if logarithms is False and target is not None and _is_log(target):
            yield _exchanged(call, wrong)
            return
        yield Finding(
            call.place,
            f"`{call.loss}` takes the logarithm of nothing: its input must hold log-probabilities, but "
            f"{_named(call.input_text, 'it')} is {wrong}; {_cure(given)}",
            trail=trail(given),
            fixes=_with_logarithm(call, given),
        )
    if target is None:
        return
    if _is_scores(target):
        activation = "log_softmax" if logarithms is True else "softmax"
        yield Finding(
            call.place,
            f"the target of `{call.loss}` must be a distribution, but {_named(call.target_text, 'it')} is raw scores "
            f"of a layer; apply `{activation}` first",
            trail=trail(target),
            claim=partial(_claim_of_target, call),
        )
    elif logarithms is False and _is_log(target):
        yield Finding(
            call.place,
            f"`{call.loss}` expects probabilities as its target, but {_named(call.target_text, 'the target')} holds "
            "their logarithms; pass `log_target=True`",
            trail=trail(target),
            claim=partial(_claim_of_target, call),
            fixes=_set_log_target(call, True),
        )
    elif logarithms is True and (held := _no_log(target)):
        yield Finding(
            call.place,
            f"`log_target=True` says that the target of `{call.loss}` holds log-probabilities, but "
            f"{_named(call.target_text, 'it')} is {held}; take its logarithm, or pass `log_target=False`",
            trail=trail(target),
            claim=partial(_claim_of_target, call),
            fixes=_set_log_target(call, False),
        )


def _named(text: str, other: str) -> str:
    return f"`{text}`" if text else other


def _is_scores(tensor: Tensor | None) -> bool:
    """Whether the values are known to be scores that can be anything."""
    if tensor is None or tensor.meaning is None or tensor.range is None:
        return False
    return tensor.meaning.kind == "logits" and tensor.range.tight and tensor.range.low < 0.0 < tensor.range.high


def _no_log(tensor: Tensor | None) -> str:
    """What the values are, if they are known to be no logarithms of probabilities, which are never positive."""
    if tensor is None:
        return ""
    if _is_scores(tensor):
        return HELD["logits"]
    if tensor.range is None or tensor.range.low < 0.0 or tensor.range.high <= 0.0:
        return ""
    kind = tensor.meaning.kind if tensor.meaning is not None else ""
    return HELD.get(kind, f"never negative (in {tensor.range})")


def _is_log(tensor: Tensor) -> bool:
    """Whether the values are known to be logarithms of probabilities."""
    kind = tensor.meaning.kind if tensor.meaning is not None else ""
    below = tensor.range is not None and tensor.range.low < 0.0 and tensor.range.high <= 0.0
    return below and kind in ("log-distribution", "log-probability")


def _last(tensor: Tensor) -> Tensor | None:
    inner = core(tensor)
    return inner if isinstance(inner, Tensor) and inner.via is not None else None


def _cure(given: Tensor) -> str:
    last = _last(given)
    softmax = last is not None and last.via is not None and last.via.op == "softmax"
    if softmax or _is_scores(given):
        return "use `log_softmax`" if softmax else "apply `log_softmax` first"
    return "take its logarithm first"


def _exchanged(call: LossCalled, held: str) -> Finding:
    exchange = swapped(call.input_at, call.target_at)
    return Finding(
        call.place,
        f"the arguments of `{call.loss}` stand the wrong way round: its input must hold log-probabilities and its "
        f"target probabilities, but {_named(call.input_text, 'the input')} is {held}, and "
        f"{_named(call.target_text, 'the target')} holds log-probabilities; exchange them",
        trail=trail(call.input),
        fixes=fix("exchange the arguments", exchange) if call.settled else (),
    )


def _with_logarithm(call: LossCalled, given: Tensor) -> tuple[Fix, ...]:
    """A log-softmax where the softmax is, or a logarithm round what is given; not round scores: which dimension?"""
    last = _last(given)
    if last is not None and last.via is not None and last.via.op == "softmax" and call.ending is not None:
        return fix("use `log_softmax`", exchanged(call.ending, "log_softmax"))
    if _is_scores(given) or not call.settled:
        return ()
    return fix("take the logarithm", wrapped(call.input_at, "{torch.log}(", ")"))


def _set_log_target(call: LossCalled, value: bool) -> tuple[Fix, ...]:
    """`log_target` where it is written, or as one more argument."""
    written = call.settings_at.get("log_target")
    if written is not None:
        change = replaced(written, str(value))
    else:
        change = argument_added(call.configured_at, f"log_target={value}")
    return fix(f"pass `log_target={value}`", change)
