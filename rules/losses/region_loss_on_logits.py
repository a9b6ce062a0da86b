"""TL122: an overlap or focal loss stands on the wrong side of the activation."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LossCalled, Tensor, claims, core
from torchlint.rule import Finding, Fix, Severity, dropped, fix, rule, wrapped

#: Meanings of values that are no probabilities.
RAW = {
    "logits": "raw scores",
    "activation": "values that are no probabilities",
    "log-distribution": "log-probabilities",
    "log-probability": "log-probabilities",
}


def _claim(call: LossCalled) -> claims.Claimed | None:
    """That the prediction is no probability where the loss takes one; that it is one already where the loss, or the
    last operation before it, activates."""
    given = call.input
    if not call.region or given is None:
        return None
    if call.takes == "logits" and call.applies:
        return claims.within_range(given, 0.0, 1.0, call.input_at)
    if call.takes != "probability":
        return None
    inner = core(given)
    before = inner.via.arguments.get("input") if isinstance(inner, Tensor) and inner.via is not None else None
    if isinstance(before, Tensor) and _last(given) in ("sigmoid", "softmax"):
        return claims.within_range(before, 0.0, 1.0, call.input_at)
    return claims.outside_range(given, 0.0, 1.0, call.input_at)


@rule(code="TL122", name="region-loss-on-logits", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def region_loss_on_logits(call: LossCalled) -> Iterator[Finding]:
    """A loss on probabilities is given scores or logarithms, or one that activates by itself is given probabilities."""
    given = call.input
    if not call.region or given is None:
        return
    if call.takes == "probability":
        twice = _activated_twice(given)
        if twice is not None:
            yield Finding(
                call.place,
                f"{call.title} is given the {twice} of values that are probabilities already, which squeezes them "
                "together; apply one activation only",
                trail=call.trail,
                fixes=fix(f"drop the second {twice}", dropped(call.ending)),
            )
        elif (held := _no_probability(given)) is not None:
            yield Finding(
                call.place,
                f"{call.title} is computed on probabilities, but {_named(call)} holds {held} ({_extent(given)}); "
                f"{_cure(given)}",
                trail=call.trail,
                fixes=_fixes(call, given),
            )
    elif call.takes == "logits" and call.applies and _is_probability(given):
        yield Finding(
            call.place,
            f"{call.title} applies {call.applies} itself, but {_named(call)} already holds probabilities, which a "
            "second activation squeezes together; pass the raw scores",
            trail=call.trail,
            fixes=fix("leave the activation to the loss", dropped(call.ending))
            if _last(given) in ("sigmoid", "softmax")
            else (),
        )


def _named(call: LossCalled) -> str:
    return call.given_text if call.input_text else "its prediction"


def _last(tensor: Tensor) -> str:
    """The operation that computed a tensor, views aside."""
    inner = core(tensor)
    return inner.via.op if isinstance(inner, Tensor) and inner.via is not None else ""


def _is_probability(tensor: Tensor) -> bool:
    kind = tensor.meaning.kind if tensor.meaning is not None else ""
    return kind in ("probability", "distribution") and (tensor.range is None or tensor.range.within(0.0, 1.0))


def _activated_twice(tensor: Tensor) -> str | None:
    """The activation that was applied to probabilities."""
    inner = core(tensor)
    if not isinstance(inner, Tensor) or inner.via is None or inner.via.op not in ("sigmoid", "softmax"):
        return None
    before = inner.via.arguments.get("input")
    return inner.via.op if isinstance(before, Tensor) and _is_probability(before) else None


def _no_probability(tensor: Tensor) -> str | None:
    """What the tensor holds, if it is known to leave [0, 1]."""
    if tensor.range is None or tensor.range.within(0.0, 1.0):
        return None
    negative = tensor.range.high <= 0.0
    if not (tensor.range.tight or negative):
        return None
    return RAW.get(tensor.meaning.kind) if tensor.meaning is not None else None


def _extent(tensor: Tensor) -> str:
    return "unbounded" if tensor.range is not None and tensor.range.unbounded else f"in {tensor.range}"


def _cure(tensor: Tensor) -> str:
    if tensor.meaning is not None and tensor.meaning.kind.startswith("log-"):
        return "take the `exp` of them first"
    return "apply a sigmoid or softmax first"


def _fixes(call: LossCalled, tensor: Tensor) -> tuple[Fix, ...]:
    """An activation round the argument of a loss: which one is known for a single channel."""
    if not call.settled or tensor.meaning is None:
        return ()
    if tensor.meaning.kind.startswith("log-"):
        return fix("take the `exp` first", wrapped(call.input_at, "{torch.exp}(", ")"))
    one = tensor.shape is not None and len(tensor.shape) == 4 and tensor.shape[1] == 1
    if tensor.meaning.kind == "logits" and one:
        return fix("apply a sigmoid first", wrapped(call.input_at, "{torch.sigmoid}(", ")"))
    return ()
