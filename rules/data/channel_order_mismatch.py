"""TL216: an image with its colours in the order of OpenCV meets statistics or weights in the order red, green, blue."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import ImageRescaled, ModelCalled, PixelStep, Rescaling, Tensor, history, rescalings, trail
from torchlint.rule import Finding, Fix, Severity, fix, rule, wrapped

#: The readers that give blue first.
READERS = frozenset({"imread", "imdecode"})

#: Means of ImageNet, CIFAR-10 and CIFAR-100, from red to blue.
KNOWN = ((0.485, 0.456, 0.406), (0.4914, 0.4822, 0.4465), (0.5071, 0.4866, 0.4409))


@rule(code="TL216", name="channel-order-mismatch", since="0.1.0", severity=Severity.WARNING)
def channel_order_mismatch(fact: ModelCalled | ImageRescaled) -> Iterator[Finding]:
    """An image in the order blue, green, red is normalised with statistics, or fed to weights, of the other order."""
    image = fact.done.before if isinstance(fact, ImageRescaled) else fact.input
    if image is None or image.meaning is None or image.meaning.kind != "image" or image.meaning.mode != "BGR":
        return
    if isinstance(fact, ImageRescaled):
        if not _red_first(fact.done):
            return
        mean = ", ".join(f"{value:.4g}" for value in fact.done.mean or ())
        what = f"is normalized with the mean [{mean}], whose first number is that of red"
    else:
        if fact.weights is None or fact.task == "generative" or any(map(_ordered, rescalings(image))):
            return
        what = f"reaches `{fact.weights.model}` (`{fact.weights.words}`), whose weights know red first"
    yield from _said(fact, image, what)


def _said(fact: ModelCalled | ImageRescaled, image: Tensor, what: str) -> Iterator[Finding]:
    source = next((step for step in history(image) if step.name in READERS), None)
    place = fact.place if source is None else source.place
    reader = "OpenCV" if source is None else f"`cv2.{source.name}`"
    yield Finding(
        place,
        f"{reader} gives blue first (BGR), but the image {what}: turn it round with "
        "`cv2.cvtColor(image, cv2.COLOR_BGR2RGB)`",
        trail=trail(image),
        fixes=() if source is None else _turned(source),
    )


def _turned(source: PixelStep) -> tuple[Fix, ...]:
    return fix("convert to RGB", wrapped(source.place, "{cv2.cvtColor}(", ", {cv2.COLOR_BGR2RGB})"))


def _red_first(done: Rescaling) -> bool:
    """Whether the mean is one that is known to begin with red."""
    mean = done.mean or ()
    scale = 255.0 if mean and max(mean) > 1 else 1.0
    return any(all(abs(a / scale - b) < 0.015 for a, b in zip(mean, known)) for known in KNOWN if len(mean) == 3)


def _ordered(done: Rescaling) -> bool:
    """Whether a mean shows which order is meant: wrong statistics are said there, and statistics with blue first belong
    to weights with blue first."""
    mean = done.mean or ()
    return len(mean) == 3 and (mean[0] > mean[1] > mean[2] or mean[0] < mean[1] < mean[2])
