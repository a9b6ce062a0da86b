"""TL211: a mask of class ids is resized or turned by mixing the ids of neighbours."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import KEEPING, LossCalled, PixelStep, TrailStep, claims, history, trail
from torchlint.rule import Finding, Fix, Severity, argument_added, fix, rule

#: Numbers by which Pillow and OpenCV mean the nearest neighbour.
NEAREST = frozenset({0, 6})
#: Methods of PIL images and what they do unless they are told otherwise.
METHODS = {"resize": "bicubic", "thumbnail": "bicubic", "rotate": "nearest", "transform": "nearest"}
#: What may be done to mixed ids without making them whole again: unlike a threshold or `argmax` over one-hot rows.
LEAVING = KEEPING | {"div", "mul", "round", "rint", "one_hot", "clamp", "clip"}
SPLINES = {"0": "nearest", "1": "bilinear", "2": "biquadratic", "3": "bicubic"}


def _claim(call: LossCalled) -> claims.Claimed | None:
    """That resizing or turning a mask makes ids that it did not hold."""
    if not call.many_ids:
        return None
    steps = [
        step
        for step in history(call.target)
        if _interpolation(step) and not _settled(step) and step.setting("fill") in (None, 0)
    ]
    if not steps:
        return None
    mixed = next((step for step in steps if _interpolation(step) != "nearest"), steps[0])
    return claims.new_values(mixed.after, mixed.before, mixed.at)


@rule(code="TL211", name="mask-interpolated", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def mask_interpolated(call: LossCalled) -> Iterator[Finding]:
    """The target is a mask of class ids, and an interpolation on its way makes other ids of two that are neighbours."""
    if not call.many_ids:
        return
    steps = history(call.target)
    for number, step in enumerate(steps):
        how = _interpolation(step)
        if how in ("", "nearest") or _settled(step) or not all(_leaves(later) for later in steps[number + 1 :]):
            continue
        if any(earlier.does in ("one_hot", "normalize") for earlier in steps[:number]):
            continue
        others = [other for image in call.fed for other in history(image) if other.place == step.place]
        shared = bool(others) and all(other.at != step.at for other in others)
        end = TrailStep(call.place, f"{call.title} takes it for class ids")
        verb = "resizes" if step.does in ("resize", "crop", "interpolate", "zoom", "Upsample") else "turns"
        yield Finding(
            step.at if shared else step.place,
            f"`{step.name}` {verb} a mask of class ids with {how} interpolation: between classes 1 and 3 it makes a "
            f"border of class 2 for {call.title}; {_cure(step)}",
            (*trail(call.target), TrailStep(step.at, f"`{step.name}` mixes neighbours ({how})"), end),
            fixes=() if shared else _mended(step),
        )
        return


def _leaves(step: PixelStep) -> bool:
    return step.transform or step.does in LEAVING


def _settled(step: PixelStep) -> bool:
    """Whether nothing is mixed, whatever was asked for: bits, palettes (Pillow takes the nearest), values 0 and 1."""
    meaning = step.before.meaning if step.before is not None else None
    if step.before is None or meaning is None:
        return False
    return (meaning.mode in ("1", "P") and step.before.holder == "pil") or meaning.kind == "binary"


def _interpolation(step: PixelStep) -> str:
    """How a step finds the values of pixels that it moves: ``nearest``, ``bilinear``, …; empty if that is not known, or
    it moves none."""
    arguments = step.arguments
    if step.does == "interpolate":
        return _word(step.setting("mode"))
    if "interpolation" in arguments:
        return _word(step.setting("interpolation"))
    if step.does == "resize" and "preserve_range" in arguments:
        order = step.setting("order")
        whole = step.before is not None and step.before.dtype != "bool"
        return ("bilinear" if whole else "nearest") if order is None else SPLINES.get(str(order), "spline")
    if step.does in ("zoom", "rotate") and "order" in arguments and not step.transform:
        return SPLINES.get(str(step.setting("order")), "spline") if step.setting("order") is not None else ""
    if step.does in ("warpAffine", "warpPerspective", "remap"):
        return _word(step.setting("interpolation" if step.does == "remap" else "flags"))
    if step.transform and step.name in METHODS and not step.random and step.place == step.at:
        written = next((name for name in ("resample", "1") if name in arguments), None)
        return METHODS[step.name] if written is None else _word(step.setting(written))
    return ""


def _word(setting: object) -> str:
    """The name of an interpolation; numbers are those of Pillow and OpenCV, of which only the nearest has no others."""
    if isinstance(setting, bool) or not isinstance(setting, (int, str)):
        return ""
    if isinstance(setting, int):
        return "nearest" if setting in NEAREST else "bilinear" if setting in (1, 2) else "bicubic"
    word = setting.lower().removeprefix("inter_")
    return "nearest" if word.startswith("nearest") else {"linear": "bilinear", "cubic": "bicubic"}.get(word, word)


def _cure(step: PixelStep) -> str:
    if step.does == "interpolate":
        return 'use `mode="nearest"`'
    if "order" in step.arguments:
        more = ", preserve_range=True, anti_aliasing=False" if "preserve_range" in step.arguments else ""
        return f"use `order=0{more}`"
    if "keys" in step.arguments:
        return 'give each key its own, as in `mode=("bilinear", "nearest")`'
    if step.transform and "interpolation" not in step.arguments:
        return "use `Image.NEAREST`"
    if "mask_interpolation" in step.arguments:
        return "give it as `mask=`, or use `cv2.INTER_NEAREST`"
    return "use `InterpolationMode.NEAREST` for masks" if step.transform else "use `cv2.INTER_NEAREST`"


def _mended(step: PixelStep) -> tuple[Fix, ...]:
    """The nearest neighbour, where nothing is said of the interpolation yet."""
    title = "take the nearest neighbour"
    if "keys" in step.arguments:
        return ()
    if "interpolation" in step.arguments:
        setting = step.setting("interpolation")
        if step.transform and setting == "bilinear":
            text = "interpolation={torchvision.transforms.InterpolationMode}.NEAREST"
        elif not step.transform and setting == 1:
            text = "interpolation={cv2.INTER_NEAREST}"
        else:
            return ()
    elif step.transform and step.name in METHODS and not {"1", "resample"} & set(step.arguments):
        text = "resample={PIL.Image}.NEAREST"
    else:
        return ()
    return fix(title, argument_added(step.place, text), safe=step.at == step.place)
