"""TL207: an image whose values go up to 255 reaches a model as floats."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import ModelCalled, trail
from torchlint.rule import Finding, Severity, rule

FLOATS = frozenset({"float", "float16", "bfloat16", "float32", "float64"})


@rule(code="TL207", name="unscaled-image-input", since="0.1.0", severity=Severity.ERROR)
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
    steps = trail(image)
    if any("→ [0, 1]" in step.note for step in steps):  # scaled once, and brought back to 255 on purpose
        return
    yield Finding(
        call.place,
        f"`{call.model}` is given an image with values in {extent}: it was turned to float without being scaled; "
        "divide by 255 (`ToTensor` does so for PIL images and uint8 arrays only), then normalize",
        trail=steps,
    )
