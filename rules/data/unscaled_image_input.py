"""TL207: an image whose values go up to 255 reaches a model as floats."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import ModelCalled, claims, trail
from torchlint.rule import Finding, Severity, rule

FLOATS = frozenset({"float", "float16", "bfloat16", "float32", "float64"})

#: How far from 0 nothing goes that was scaled.
FARTHEST = 20.0


def _claim(call: ModelCalled) -> claims.Claimed | None:
    """That what is made of a picture goes far beyond what was ever scaled."""
    image, meaning = call.input, call.input.meaning
    if meaning is None or meaning.kind != "image" or meaning.normalized or image.dtype not in FLOATS:
        return None
    if (call.loaded and not call.task) or _brought_back(call):
        return None
    return claims.picture_outside_range(image, -FARTHEST, FARTHEST)


def _brought_back(call: ModelCalled) -> bool:
    """Whether the image was scaled once, and brought back to 255 on purpose."""
    extent = call.input.range
    return extent is not None and extent.high > 1.0 and any("→ [0, 1]" in step.note for step in trail(call.input))


@rule(code="TL207", name="unscaled-image-input", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def unscaled_image_input(call: ModelCalled) -> Iterator[Finding]:
    """A float image of values up to 255 reaches a model that does not scale it."""
    image = call.input
    meaning, extent = image.meaning, image.range
    if meaning is None or meaning.kind != "image" or meaning.scale != "byte" or meaning.normalized:
        return
    if extent is None or not extent.tight or not (extent.low == 0.0 and extent.high == 255.0):
        return
    if image.dtype not in FLOATS or (call.loaded and not call.task):  # what was loaded may have been trained so
        return
    if _brought_back(call):
        return
    yield Finding(
        call.place,
        f"`{call.model}` is given an image with values in {extent}: it was turned to float without being scaled; "
        "divide by 255 (`ToTensor` does so for PIL images and uint8 arrays only), then normalize",
        trail=trail(image),
    )
