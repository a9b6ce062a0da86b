"""TL109: a loss for classes is given intensities or other continuous values as its target."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LossCalled, Tensor, claims, trail
from torchlint.rule import Finding, Severity, rule


def _claim(call: LossCalled) -> claims.Claimed | None:
    """That a target of floats does not sum to 1 over the classes, as what is made of a picture does not."""
    output, target = call.input, call.target
    if call.applies != "softmax" or call.wants != "class-index" or call.turned or output is None or target is None:
        return None
    if target.meaning is None or not _is_continuous(target) or not _same_classes(output, target):
        return None
    return claims.picture_unnormalised(target, 1)


@rule(code="TL109", name="cross-entropy-on-continuous-target", since="0.1.0", severity=Severity.WARNING, claim=_claim)
def cross_entropy_on_continuous_target(call: LossCalled) -> Iterator[Finding]:
    """A cross-entropy over classes takes the channels or pixels of an image as the classes' probabilities."""
    output, target = call.input, call.target
    if call.applies != "softmax" or call.wants != "class-index" or call.turned:
        return
    if output is None or target is None or not (output.run is not None or output.grad == "attached"):
        return
    if target.meaning is None or not _is_continuous(target) or not _same_classes(output, target):
        return
    text = f"`{call.target_text}`" if call.target_text else "its target"
    what = "the intensities of an image" if target.meaning.kind == "image" else "standardised features"
    size = output.shape[1] if output.shape is not None else "?"
    yield Finding(
        call.place,
        f"`{call.loss}` takes {text}, {what}, as the probabilities of {size} classes that exclude each other; "
        f"to reconstruct it use `MSELoss` or `L1Loss`{_bits(target)}",
        trail=trail(target),
    )


def _is_continuous(target: Tensor) -> bool:
    assert target.meaning is not None
    if target.run is not None or target.grad == "attached" or target.range is None:
        return False
    return target.meaning.kind in ("image", "standardized") and (target.dtype or "").startswith(("float", "bfloat"))


def _same_classes(output: Tensor, target: Tensor) -> bool:
    """Whether both have the same shape, with several entries in the dimension of the classes."""
    if output.shape is None or target.shape is None or len(output.shape) != len(target.shape) or len(output.shape) < 2:
        return False
    size = output.shape[1]
    return isinstance(size, int) and size > 1 and target.shape[1] == size


def _bits(target: Tensor) -> str:
    unit = target.range is not None and target.range.within(0.0, 1.0)
    return ", or `BCEWithLogitsLoss` for values in [0, 1]" if unit else ""
