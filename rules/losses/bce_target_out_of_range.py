"""TL117: a binary cross-entropy is given a target outside [0, 1]."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import Interval, LossCalled, Tensor, claims, reached, trail
from torchlint.rule import Finding, Severity, rule

#: How far a target of the loss on logits may leave [0, 1]: noisy labels of adversarial training reach 1.2 on purpose.
NOISE, ROUNDING = 0.35, 1e-3


def _claim(call: LossCalled) -> claims.Claimed | None:
    """That what is made of a picture, or of other data, for the target leaves [0, 1]."""
    if call.target is None or call.turned or not _on_bits(call) or not _is_data(call, call.target):
        return None
    slack = ROUNDING if call.family == "bce" else NOISE
    return claims.picture_outside_range(call.target, None if _masked_later(call) else -slack, 1.0 + slack)


@rule(code="TL117", name="bce-target-out-of-range", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def bce_target_out_of_range(call: LossCalled) -> Iterator[Finding]:
    """The target of a binary cross-entropy is known to leave [0, 1]."""
    target = call.target
    if target is None or call.turned or not _on_bits(call) or not _is_data(call, target):
        return
    found = reached(target)
    slack = ROUNDING if call.family == "bce" else NOISE
    if found is None or found.within(0.0, 1.0, slack) or (_masked_later(call) and found.high <= 1.0):
        return
    target_text = f"`{call.target_text}`" if call.target_text else "its target"
    what, cure = _words(target, found)
    yield Finding(
        call.place,
        f"the target of `{call.loss}` must lie in [0, 1], but {target_text} {what}; {cure}",
        trail=trail(target),
    )


def _on_bits(call: LossCalled) -> bool:
    """Whether the loss takes, for each element, the probability of a one."""
    if call.settings.get("to_onehot_y") or "to_onehot_y" in call.undecided or call.written_at is not None:
        return False
    return call.wants in ("probability", "binary") and (call.applies == "sigmoid" or call.family == "bce")


def _masked_later(call: LossCalled) -> bool:
    """Whether elements with a label below 0 may be left out of the mean."""
    return call.settings.get("reduction") == "none" or "reduction" in call.undecided or "weight" in call.undecided


def _is_data(call: LossCalled, target: Tensor) -> bool:
    """Whether the target is data of which the whole range is known, rather than what a model or a test made up."""
    if target.run is not None or target.grad == "attached" or (target.dtype or "").startswith(("int", "uint", "bool")):
        return False
    meaning = target.meaning
    if meaning is None:
        return True
    if meaning.kind == "image":
        return meaning.scale != "byte" or meaning.mode != ""  # a palette's bytes may be 0 and 1
    if meaning.kind == "class-index":
        return meaning.classes is not None
    return meaning.kind in ("standardized", "binary") or (meaning.kind == "noise" and call.trained)


def _words(target: Tensor, found: Interval) -> tuple[str, str]:
    """What is wrong with the target, and what to do."""
    meaning = target.meaning
    if meaning is not None and meaning.kind == "standardized":
        return "is standardised and has no bounds", "scale it to [0, 1], or use a regression loss"
    if meaning is not None and meaning.kind == "class-index":
        classes = f"class ids 0 to {meaning.classes - 1}" if meaning.classes else "class ids"
        return f"holds {classes}", "use `CrossEntropyLoss`, or `one_hot` with one output for each class"
    extent = "has no bounds" if found.unbounded else f"ranges over {found}"
    if meaning is not None and meaning.kind == "image" and meaning.scale == "byte":
        return f"{extent}: bytes that nothing divided", "divide by 255"
    if meaning is not None and meaning.kind == "image":
        return f"{extent}, since it is normalised", "keep an image that has not been normalised as the target"
    if (found.low, found.high) == (-1.0, 1.0):
        return extent, "map −1 to 0 by `(y + 1) / 2`"
    return extent, "scale the target to [0, 1]"
