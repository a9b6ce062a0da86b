"""TL218: an image has another number of channels than the first layer of the model that it is given to."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LayerCalled, ModelCalled, PixelStep, TrailStep, claims, trail
from torchlint.rule import Finding, Fix, Severity, fix, replaced, rule, wrapped

NAMES = {"L": "grey", "RGB": "in colour (RGB)", "BGR": "in colour (BGR)", "RGBA": "in colour with opacity (RGBA)",
         "BGRA": "in colour with opacity (BGRA)"}  # fmt: skip
WORDS = {1: "one channel", 3: "three channels", 4: "four channels"}


def _claim(call: LayerCalled | ModelCalled) -> claims.Claimed | None:
    """That the model refuses the image for its channels."""
    return claims.shapes_fail(call) if call.fault is not None and call.fault.kind == "counted" else None


@rule(code="TL218", name="image-channel-mismatch", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def image_channel_mismatch(call: LayerCalled | ModelCalled) -> Iterator[Finding]:
    """The colours of an image are known, and not what the first convolution takes."""
    if call.fault is None or call.fault.kind != "counted" or call.input.meaning is None:
        return
    mode, shape = call.input.meaning.mode, call.input.shape
    given = shape[-3] if shape is not None else None
    expected = call.expected if isinstance(call, LayerCalled) else call.channels
    steps = trail(call.input)
    if isinstance(call, LayerCalled):
        taker = f"`{call.layer}`, its first layer, expects {expected} (`{call.parameter}`)"
        steps = (*steps, TrailStep(call.made, f"`{call.layer}` is made here with `{call.parameter}={expected}`"))
        where = "the model"
    else:
        taker, where = f"the model expects {expected}", f"`{call.model}`"
    yield Finding(
        call.place,
        f"the image that reaches {where} is {NAMES[mode]}: {_from(call.fault.step)}gives "
        f"{WORDS.get(given if isinstance(given, int) else 0, str(given))}, but {taker}; {_cure(mode, expected)}",
        trail=steps,
        fixes=_converted(call.fault.step, expected),
    )


def _converted(step: PixelStep | None, expected: int | None) -> tuple[Fix, ...]:
    """Another conversion behind one of Pillow's; or `Grayscale` with the channel repeated."""
    mode = {1: "L", 3: "RGB"}.get(expected or 0)
    if step is None or mode is None:
        return ()
    if step.does == "convert" and step.transform:
        return fix(f"convert to {mode}", wrapped(step.place, "", f'.convert("{mode}")'))
    if step.name == "Grayscale" and mode == "RGB":
        grey = "{torchvision.transforms.Grayscale}(num_output_channels=3)"
        return fix("repeat the channel three times", replaced(step.place, grey))
    return ()


def _from(step: PixelStep | None) -> str:
    return "it " if step is None else f"`{step.name}` "


def _cure(mode: str, expected: int | None) -> str:
    if expected == 3:
        return 'make it RGB (`image.convert("RGB")`, `Grayscale(3)`), or change the layer'
    if expected == 1:
        return 'make it grey (`image.convert("L")`, `Grayscale()`), or change the layer'
    return "convert the image, or change the layer"
