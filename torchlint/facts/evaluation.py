"""Models as they are evaluated, beside their training."""

from __future__ import annotations

from dataclasses import dataclass

from torchlint.facts.base import Fact
from torchlint.facts.pixels import PixelStep
from torchlint.flow.values import Place, Tensor


@dataclass(frozen=True, slots=True)
class ModelEvaluated(Fact):
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
