"""TL210: a mask of class ids is scaled or normalised as if it were an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torchlint.facts import KEEPING, LossCalled, PixelStep, Place, TrailStep, claims, history, trail
from torchlint.rule import Finding, Fix, Severity, fix, renamed, rule

#: Transforms that divide bytes by 255, beside arithmetic.
SCALING = frozenset({"to_tensor", "convert_dtype", "to_dtype", "to_float", "img_as_float", "scale_intensity"})
#: Transforms that leave the ids as they are, or only mix them.
PLACING = frozenset({"resize", "crop", "pad", "geometric", "identity", "to_image", "to_tensor_v2", "pil_to_tensor"})
BYTES = 255.0


def _claim(call: LossCalled) -> claims.Claimed | None:
    """That what is made of a mask, whose ids go beyond 1, lies in [0, 1], or is negative where it was normalised."""
    steps = history(call.target)
    shifted = any(step.does == "normalize" and step.transform for step in steps)
    if shifted and (call.region or call.many_ids):
        return claims.picture_outside_range(call.target, 0.0, None)
    changed = [number for number, step in enumerate(steps) if _scales(step)]
    if not call.many_ids or not changed:
        return None
    rows = next((step for step in steps if step.does == "one_hot"), None)
    if not all(_keeps(later) for later in steps[changed[0] + 1 :]):
        return None
    return claims.picture_within_range(call.target if rows is None else rows.before, 0.0, 1.0)


@rule(code="TL210", name="mask-scaled-as-image", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def mask_scaled_as_image(call: LossCalled) -> Iterator[Finding]:
    """The target is a mask of class ids, and its ids were divided by 255 or shifted on the way to the loss."""
    steps = history(call.target)
    for number, step in enumerate(steps):
        scaled, shifted = _scales(step), step.does == "normalize" and step.transform
        if not (scaled or shifted) or not all(_keeps(later) for later in steps[number + 1 :]):
            continue
        if call.many_ids or (shifted and call.region):
            yield _finding(call, step, steps)
        return


def _scales(step: PixelStep) -> bool:
    if step.does == "div":
        return step.setting("other") == BYTES
    if step.does == "mul":
        factor = step.setting("other")
        return isinstance(factor, float) and 0.0 < factor * BYTES <= 1.001
    if step.does not in SCALING or step.before is None or step.after is None:
        return False
    before, after = step.before.range, step.after.range
    if step.does == "scale_intensity":
        return after is not None and after.high == 1.0
    return before is not None and after is not None and before.high == BYTES and after.high == 1.0


def _keeps(step: PixelStep) -> bool:
    """Whether what was scaled stays so: ids multiplied by 255 again, compared or rounded may be right."""
    if step.transform:
        return step.does in PLACING or step.does in SCALING or step.does == "normalize"
    return step.does in KEEPING or step.does in ("one_hot", "div")


def _finding(call: LossCalled, step: PixelStep, steps: Sequence[PixelStep]) -> Finding:
    others = [other for image in call.fed for other in history(image) if other.place == step.place]
    shared = bool(others) and all(other.at != step.at for other in others)
    place = step.at if shared else step.place
    name = f"`{step.name}`" if step.transform or step.does == "img_as_float" else "this"
    cast = next((one.name for one in steps[steps.index(step) :] if _cuts(one)), "")
    if step.does == "normalize":
        what = f"{name} shifts and divides the values of a mask, the target of {call.title}"
        cure = "normalize the image only"
    elif step.does == "scale_intensity":
        what = f"{name} stretches the class ids of a mask to [0, 1], before {call.title} takes them for classes"
        cure = "name the image only in `keys`"
    else:
        cut = f", and `{cast}` cuts all of them but 255 off to 0" if cast else ""
        what = f"{name} divides the class ids of a mask by 255{cut}, before {call.title} takes them for classes"
        cure = "keep the ids as they are, with " + _cure(step)
    end = TrailStep(call.place, f"{call.title.removesuffix(',')} takes it for class ids")
    return Finding(place, f"{what}; {cure}", (*trail(call.target), end), fixes=_mended(step, place))


def _cuts(step: PixelStep) -> bool:
    return step.after is not None and (step.after.dtype or "").startswith(("int", "uint")) and not step.transform


def _cure(step: PixelStep) -> str:
    holder = step.before.holder if step.before is not None else ""
    if step.does == "to_tensor":
        return "`PILToTensor`" if holder == "pil" else "`torch.from_numpy`"
    return "`ToDtype(torch.int64)`" if step.does == "to_dtype" else "no division"


def _mended(step: PixelStep, place: Place) -> tuple[Fix, ...]:
    """`PILToTensor` in the place of `ToTensor`, where masks alone pass that are PIL images."""
    if step.does != "to_tensor" or step.before is None or step.before.holder != "pil" or place != step.place:
        return ()
    if step.name == "to_tensor":
        return fix("use `pil_to_tensor`, which keeps the ids", renamed(place, "to_tensor", "pil_to_tensor"), safe=True)
    alone = step.at == step.place
    return fix("use `PILToTensor`, which keeps the ids", renamed(place, "ToTensor", "PILToTensor"), safe=alone)
