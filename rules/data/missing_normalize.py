"""TL201: images go from the scaling to [0, 1] into a model with no normalisation on the way."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import ModelCalled, Place, Tensor, TrailStep, claims, trail
from torchlint.rule import Finding, Severity, rule


def _claim(call: ModelCalled) -> claims.Claimed | None:
    """That what is made of a picture lies in [0, 1] where it reaches trained weights, or a classifier in colour."""
    image, weights = call.input, call.weights
    if call.task not in ("classifier", "segmenter") or call.unlike or (weights is not None and weights.mean):
        return None
    if not (weights or (call.task == "classifier" and _in_colour(image))) or (call.filled and not weights):
        return None
    return claims.picture_within_range(image, 0.0, 1.0) if _is_image(image) else None


def _is_image(image: Tensor) -> bool:
    return image.meaning is not None and image.meaning.kind == "image"


@rule(code="TL201", name="missing-normalize", since="0.1.0", severity=Severity.WARNING, claim=_claim)
def missing_normalize(call: ModelCalled) -> Iterator[Finding]:
    """An image reaches trained weights, or a classifier in colour, as it left the scaling to [0, 1]."""
    image, weights = call.input, call.weights
    if call.task not in ("classifier", "segmenter") or call.unlike or (weights is not None and weights.mean):
        return
    if not _scaled_only(image) or not (weights or (call.task == "classifier" and _in_colour(image))):
        return
    if call.filled and not weights:  # what was loaded may have been trained so
        return
    steps = trail(image)
    fed = TrailStep(call.place, f"`{call.model}` is given it here")
    if weights:
        message = (
            f"images reach `{call.model}` in [0, 1], scaled but not normalized, though `{weights.model}` was made with "
            f"`{weights.words}`: add `Normalize` with the statistics of those weights"
        )
    else:
        message = (
            f"images reach `{call.model}` in [0, 1], scaled but not normalized; "
            "add `Normalize` with the mean and std of the training data after this step"
        )
    yield Finding(_scaling(steps, call.place), message, trail=(*steps, fed))


def _scaled_only(image: Tensor) -> bool:
    meaning = image.meaning
    if meaning is None or meaning.kind != "image" or meaning.scale != "unit" or meaning.normalized:
        return False
    return image.range is not None and image.range.tight and image.range.low == 0.0 and image.range.high == 1.0


def _in_colour(image: Tensor) -> bool:
    if image.meaning is not None and image.meaning.mode in ("RGB", "BGR"):
        return True
    if image.meaning is not None and image.meaning.mode:
        return False
    return image.shape is not None and len(image.shape) >= 3 and image.shape[-3] == 3


def _scaling(steps: tuple[TrailStep, ...], otherwise: Place) -> Place:
    """Where the values came to lie in [0, 1] for good: the place to add a normalisation at."""
    found, inside = otherwise, False
    for step in steps:
        if "[0, 1]" in step.note:
            found = found if inside else step.place
            inside = True
        elif "→ [" in step.note:
            inside = False
    return found
