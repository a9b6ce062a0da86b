"""Models as they are evaluated, beside their training."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from torchlint.facts.base import Fact
from torchlint.facts.pixels import PixelStep
from torchlint.flow.interval import Interval
from torchlint.flow.values import Place, Tensor, Weights


class ModelEvaluated(Fact, frozen=True):
    """A model is evaluated on what a loader draws, and elsewhere trained on other data. `place` is the call.

    model: its name; input: what it is given. held: how the data are held out of the training: ``part`` of a dataset
    that both share, ``sampler`` where only the loaders' samplers tell them apart, ``dataset`` where there are two.
    source: where that part or dataset, or for samplers the loader, is made; loader: where the loader is; dataset: the
    dataset's name; split: whether the part was made by ``random_split``.
    random: the transforms on the way of the input that do something else to a picture each time; by_hand: whether the
    program draws a number by itself to decide what is done to it. shared: whether the training has some of `random`
    too, from the same place. compared: whether the same samples are evaluated without anything random as well.
    """

    model: str
    input: Tensor
    held: str
    source: Place
    loader: Place
    dataset: str
    split: bool
    random: tuple[PixelStep, ...]
    by_hand: bool
    shared: bool
    compared: bool


class Prepared(msgspec.Struct, frozen=True):
    """An image as a model is given it: `steps` are its history."""

    image: Tensor
    steps: tuple[PixelStep, ...]

    @property
    def extent(self) -> Interval | None:
        """The range of its values, if both ends are known to be reached."""
        found = self.image.range
        return found if found is not None and found.tight and _finite(found) else None

    @property
    def order(self) -> str:
        """The order of its colours, ``RGB`` or ``BGR``; empty if it is not known or has no colours."""
        mode = self.image.meaning.mode if self.image.meaning is not None else ""
        return mode if mode in ("RGB", "BGR") else ""

    @property
    def statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """The mean and deviation that its one `Normalize` takes off, a number for each channel; None if it has none,
        several, or one whose numbers are not known."""
        found = [step for step in self.steps if step.does == "normalize"]
        if len(found) != 1:
            return None
        mean, std = (_numbers(found[0].setting(name)) for name in ("mean", "std"))
        return (mean, std) if mean and std else None

    def scalings(self) -> Iterator[tuple[PixelStep, Interval]]:
        """The steps that change the range of the values, each with the range that it gives."""
        for step in self.steps:
            after = step.after.range if step.after is not None else None
            before = step.before.range if step.before is not None else None
            if after is not None and before is not None and not alike(before, after):
                yield step, after


def _finite(extent: Interval) -> bool:
    return extent.high - extent.low < float("inf")


def _numbers(value: object) -> tuple[float, ...]:
    items = value if isinstance(value, tuple) else (value,)
    numbers = tuple(float(item) for item in items if isinstance(item, (int, float)) and not isinstance(item, bool))
    return numbers if len(numbers) == len(items) else ()


#: Ranges whose ends differ by less than this part of their width are the same: statistics are rounded.
SAME = 0.03


def alike(one: Interval, other: Interval) -> bool:
    """Whether two ranges are the same but for rounding."""
    width = min(one.high - one.low, other.high - other.low)
    return max(abs(one.low - other.low), abs(one.high - other.high)) <= SAME * width


def difference(one: Prepared, other: Prepared) -> str | None:
    """What differs between two images: their ``range``, the ``statistics`` of one range, or the ``order`` of their
    colours; empty if nothing does, None if not enough is known of one of them."""
    first, second = one.extent, other.extent
    if first is None or second is None:
        return None
    if not alike(first, second):
        return "range"
    ours, theirs = one.statistics, other.statistics
    if ours is not None and theirs is not None and ours != theirs:
        spread = zip((*ours[0], *ours[1]), (*theirs[0], *theirs[1]))
        if list(map(len, ours)) == list(map(len, theirs)) and any(abs(a - b) > SAME * abs(b) for a, b in spread):
            return "statistics"
    return "order" if one.order and other.order and one.order != other.order else ""


class PreprocessingCompared(Fact, frozen=True):
    """A model that is trained on images is given one without being trained: in its evaluation, or to be used. `place`
    is that call, `trained_at` the call whose output is trained.

    model: its name; weights: the trained weights that its training begins with; training, given: the images as both
    calls have them. All trainings of the model in the project agree with `training`, as far as `difference` can tell.
    """

    model: str
    trained_at: Place
    training: Prepared
    given: Prepared
    weights: Weights | None
