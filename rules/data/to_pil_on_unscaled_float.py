"""TL208: a float tensor that leaves [0, 1] is turned into a picture by multiplying it with 255."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torchlint.facts import Tensor, TransformApplied, claims, trail
from torchlint.rule import Finding, Severity, rule

TO_PIL = frozenset({"ToPILImage", "to_pil_image"})
FLOATS = frozenset({"float", "float16", "bfloat16", "float32", "float64"})


def _claim(applied: TransformApplied) -> claims.Claimed | None:
    """That bytes wrap around where a float tensor is multiplied by 255."""
    given = applied.input
    if applied.transform not in TO_PIL or given.dtype not in FLOATS or applied.step.setting("mode") == "F":
        return None
    return claims.wraps(given, applied.place)


@rule(code="TL208", name="to-pil-on-unscaled-float", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def to_pil_on_unscaled_float(applied: TransformApplied) -> Iterator[Finding]:
    """A float tensor that is known to leave [0, 1] becomes a picture."""
    given = applied.input
    if applied.transform not in TO_PIL or given.dtype not in FLOATS:
        return
    if given.range is None or not given.range.tight or given.range.within(0.0, 1.0):
        return
    if math.isinf(given.range.low) or math.isinf(given.range.high):
        return
    yield Finding(
        applied.place,
        f"`{applied.transform}` multiplies a float tensor by 255 and lets bytes wrap around, but this one ranges over "
        f"{given.range}; {_cure(given)}",
        trail=trail(given),
    )


def _cure(given: Tensor) -> str:
    assert given.range is not None
    if given.meaning is not None and given.meaning.kind == "image":
        if given.meaning.normalized:
            return "undo the normalization first"
        if given.meaning.scale == "byte":
            return "divide by 255 first, or convert to `torch.uint8`"
    if given.range.low == 0.0 and given.range.high == 255.0:
        return "divide by 255 first, or convert to `torch.uint8`"
    if given.range.low == -1.0 and given.range.high == 1.0:
        return "map it to [0, 1] first with `(x + 1) / 2`"
    return "bring it into [0, 1] first"
