"""Layers and models as they are called."""

from __future__ import annotations

from dataclasses import dataclass

from torchlint.facts.base import Fact
from torchlint.flow.values import Place, Tensor


@dataclass(frozen=True, slots=True)
class LayerCalled(Fact):
    """A layer that expects a number of channels or features is given a tensor.

    layer: ``Conv2d``; made: where it was constructed; expected: its input channels; given: those of the input at
    the layer's channel dimension, or None; input: the tensor; parameter: the constructor parameter that says
    `expected` (``in_channels``, ``in_features``, ``num_features``). `place` is the call.
    """

    layer: str
    made: Place
    parameter: str
    expected: int
    given: int | None
    input: Tensor


@dataclass(frozen=True, slots=True)
class ModelCalled(Fact):
    """A whole model (not one inside another) is given a tensor.

    model: its class's name; pretrained: the words that ask for weights (``weights="DEFAULT"``), or None; input:
    what it is given; normalizes_itself: its first operations subtract statistics or are a normalisation layer;
    image_model: its first layer is a 2-d convolution or a known vision model; task: ``classifier``, ``segmenter``
    (by the losses that its outputs meet), ``generative`` or ``""``; loss_place: where such a loss is called.
    """

    model: str
    pretrained: str | None
    input: Tensor
    normalizes_itself: bool
    image_model: bool
    task: str
