"""TL203: transforms stand in an order in which one is given what it cannot take."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import TransformApplied, trail
from torchlint.rule import Finding, Severity, rule

HELD = {"pil": "a PIL image", "numpy": "a numpy array", "tensor": "a tensor"}

#: What transforms do that work on pictures.
PICTURES = frozenset({"resize", "crop", "pad", "geometric", "photometric", "grayscale"})
FLOATS = ("float", "bfloat", "half", "double")


@rule(code="TL203", name="normalize-before-to-tensor", since="0.1.0", severity=Severity.ERROR)
def normalize_before_to_tensor(applied: TransformApplied) -> Iterator[Finding]:
    """A transform is given a kind of picture that it raises for, or passes on as it is."""
    given, library = applied.input, applied.library
    if applied.step.before is None or given.holder not in HELD or given.dtype is None:
        return
    if library.startswith("torchvision"):
        found = _torchvision(applied)
    elif library.startswith("albumentations"):
        found = _albumentations(applied)
    else:
        return
    if found is not None:
        yield Finding(applied.place, f"`{applied.transform}` {found}", trail=trail(given))


def _torchvision(applied: TransformApplied) -> str | None:
    """What is wrong, and what to do, with a transform of torchvision."""
    does, holder, second = applied.step.does, applied.input.holder, applied.library.endswith(".v2")
    array = "which it leaves as it is" if second else "for which it raises"
    if does == "normalize":
        if holder == "pil":
            return "works on tensors, but is given a PIL image, for which it raises; put it after `ToTensor`"
        if holder == "numpy":
            return f"works on tensors, but is given a numpy array, {array}; put it after `ToTensor`"
        dtype = applied.input.dtype or ""
        if holder == "tensor" and not dtype.startswith(FLOATS):
            return (
                f"works on tensors of floats, but is given one of `{dtype}`, for which it raises; scale it to [0, 1] "
                "first, with `ToTensor` or `ConvertImageDtype`"
            )
    if does in PICTURES and holder == "numpy":
        return (
            f"works on PIL images and tensors, but is given a numpy array, {array}; put `ToPILImage` or "
            "`ToTensor` before it"
        )
    if second:
        return None
    if does == "to_tensor" and holder == "tensor":
        return "takes PIL images and arrays, but is given a tensor, for which it raises; take it out"
    if does == "pil_to_tensor" and holder != "pil":
        return f"takes PIL images, but is given {HELD[holder]}, for which it raises"
    if does == "to_pil" and holder == "pil":
        return "takes tensors and arrays, but is given a PIL image, for which it raises; take it out"
    if does in ("convert_dtype", "erase") and holder != "tensor":
        return f"works on tensors, but is given {HELD[holder]}, for which it raises; put it after `ToTensor`"
    return None


def _albumentations(applied: TransformApplied) -> str | None:
    """What is wrong, and what to do, with a transform of albumentations."""
    if applied.input.holder == "pil":
        return "takes numpy arrays, but is given a PIL image, for which it raises; give it `np.array(image)`"
    if applied.input.holder == "tensor" and applied.step.does in PICTURES | {"normalize", "to_float"}:
        return "takes numpy arrays, but is given a tensor, for which it raises; let `ToTensorV2` be the last step"
    return None
