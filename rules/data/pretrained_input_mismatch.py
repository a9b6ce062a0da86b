"""TL202: trained weights are fed images without the statistics that they were trained with, or with others."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import ModelCalled, PixelStep, Tensor, TrailStep, Weights, claims, history, trail
from torchlint.rule import Finding, Fix, Severity, fix, replaced, rule, wrapped

#: How many times as wide as expected, or as narrow, a range has to be. Statistics of another set of photographs stay
#: well below.
CLEARLY = 2.0

#: Nothing that was normalised with the right scale goes further from 0.
FARTHEST = 20.0


def _claim(call: ModelCalled) -> claims.Claimed | None:
    """That what is made of a picture is nowhere near the range that the weights know: [0, 1] as it was scaled, or a
    much narrower or wider range than theirs."""
    image, weights = call.input, call.weights
    if weights is None or len(weights.mean) != 3 or call.channels != 3 or call.task == "generative" or call.unlike:
        return None
    if image.meaning is None or image.meaning.kind != "image":
        return None
    if image.meaning.scale == "unit" and not image.meaning.normalized:
        return claims.picture_within_range(image, 0.0, 1.0)
    low, high = _known(weights)
    found = image.range
    if found is not None and found.tight and _differs(image, weights):
        if found.high - found.low > high - low:
            return claims.picture_outside_range(image, CLEARLY * low, CLEARLY * high)
        slack = 0.01 * (found.high - found.low)
        return claims.picture_within_range(image, found.low - slack, found.high + slack)
    return claims.picture_within_range(image, low / CLEARLY, high / CLEARLY)


def _known(weights: Weights) -> tuple[float, float]:
    """The range of images that the weights know."""
    ends = [(-m / s, (1 - m) / s) for m, s in zip(weights.mean, weights.std, strict=True)]
    return min(low for low, _ in ends), max(high for _, high in ends)


@rule(code="TL202", name="pretrained-input-mismatch", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def pretrained_input_mismatch(call: ModelCalled) -> Iterator[Finding]:
    """An image reaches trained weights in [0, 1], or normalised to clearly another range than theirs."""
    image, weights = call.input, call.weights
    if weights is None or len(weights.mean) != 3 or call.channels != 3 or call.task == "generative":
        return
    if call.unlike:  # it is trained on others, and of that another rule speaks
        return
    found = image.range
    if image.meaning is None or found is None or not found.tight:
        return
    steps = history(image)
    fed = TrailStep(call.place, f"`{call.model}` is given it here")
    want = f"mean {_listed(weights.mean)} and std {_listed(weights.std)}"
    model = f"`{weights.model}` (`{weights.words}`)"
    if image.meaning.scale == "unit" and not image.meaning.normalized and (found.low, found.high) == (0.0, 1.0):
        step = _last_change(steps)
        place = call.place if step is None else step.place
        yield Finding(
            place,
            f"images reach {model} in [0, 1], but its weights were trained on images normalized with {want}: "
            "add `Normalize` with these",
            trail=(*trail(image), fed),
            fixes=() if step is None else _normalized(step, weights),
        )
    elif image.meaning.normalized and max(-found.low, found.high) < FARTHEST and _differs(image, weights):
        step = _last_change(steps)
        place = call.place if step is None else step.place
        yield Finding(
            place,
            f"images reach {model} in {found}{_with(step)}, but its weights were trained on images normalized "
            f"with {want}: use these",
            trail=(*trail(image), fed),
            severity=Severity.WARNING,
            fixes=() if step is None else _replaced(step, weights),
        )


def _differs(image: Tensor, weights: Weights) -> bool:
    """Whether the image's range is clearly wider or narrower than that of images which the weights know."""
    assert image.range is not None
    low, high = _known(weights)
    expected = high - low
    width = image.range.high - image.range.low
    return width > 0 and not 1 / CLEARLY < width / expected < CLEARLY


def _last_change(steps: tuple[PixelStep, ...]) -> PixelStep | None:
    """The step after which the values lay where they lie now."""
    for step in reversed(steps):
        if step.after is None or step.after.range is None:
            return None
        if step.before is None or step.before.range is None or step.before.range != step.after.range:
            return step
    return None


def _with(step: PixelStep | None) -> str:
    if step is None or step.does != "normalize":
        return ""
    mean, std = step.setting("mean"), step.setting("std")
    return f", normalized with mean {_shown(mean)} and std {_shown(std)}" if mean is not None is not std else ""


def _shown(value: object) -> str:
    return _listed(value) if isinstance(value, tuple) else str(value)


def _listed(values: tuple[object, ...]) -> str:
    return f"[{', '.join(str(value) for value in values)}]"


def _arguments(weights: Weights) -> str:
    return f"mean={_listed(weights.mean)}, std={_listed(weights.std)}"


def _normalized(step: PixelStep, weights: Weights) -> tuple[Fix, ...]:
    """The statistics of the weights behind the transform that scales."""
    title = "normalize with the statistics of the weights"
    if step.name == "ToTensor" and step.place != step.at:
        before, after = "{torchvision.transforms.Compose}([", "])"
        return fix(
            title,
            wrapped(step.place, before, ", {torchvision.transforms.Normalize}(" + _arguments(weights) + ")" + after),
        )
    if step.name == "to_tensor":
        before, after = "{torchvision.transforms.functional.normalize}(", f", {_arguments(weights)})"
        return fix(title, wrapped(step.place, before, after))
    return ()


def _replaced(step: PixelStep, weights: Weights) -> tuple[Fix, ...]:
    """Other statistics in the place of those that are given."""
    if step.name != "Normalize" or set(step.arguments) - {"input", "mean", "std", "inplace"}:
        return ()
    return fix(
        "normalize with the statistics of the weights",
        replaced(step.place, "{torchvision.transforms.Normalize}(" + _arguments(weights) + ")"),
    )
