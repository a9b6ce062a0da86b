"""Layers and models as they are called."""

from __future__ import annotations

from torchlint.facts.base import Fact
from torchlint.facts.channels import Fault
from torchlint.flow.values import Place, Run, Tensor, Weights


class LayerCalled(Fact, frozen=True):
    """A layer that expects a number of channels or features is given a tensor.

    layer: ``Conv2d``; made: where it was constructed; expected: its input channels; given: those of the input at
    the layer's channel dimension, or None; input: the tensor; parameter: the constructor parameter that says
    `expected` (``in_channels``, ``in_features``, ``num_features``); fault: what is wrong with the channels of an image
    that reaches a convolution; run: the call of a model in which that happens. `place` is the call of the layer.
    text: how the program spells the layer there, empty if it does not; features: the sizes that a flatten before it
    made one; number_at: where a number is written for `expected`, if every layer that is made there is given the same.
    """

    layer: str
    made: Place
    parameter: str
    expected: int
    given: int | None
    input: Tensor
    fault: Fault | None = None
    run: Run | None = None
    text: str = ""
    features: tuple[int, ...] = ()
    number_at: Place | None = None

    @property
    def title(self) -> str:
        """What to call the layer in a sentence: "`fc1`", or "`Linear`" where the program does not name it."""
        return f"`{self.text.removeprefix('self.') or self.layer}`"


class ModelCalled(Fact, frozen=True):
    """A model is given an image, which reaches its first convolution (or a known architecture) as it is.

    model: its class's name; weights: the trained weights that it has there, if the program asks for some; input: the
    image as it reaches that layer, so that a model which normalises by itself is seen with a normalised one; task:
    ``classifier``, ``segmenter`` or ``generative``, by the losses that its outputs meet, or ``""``; channels: how many
    a known architecture takes, None for a layer of the program; training, graded: as in `Run`; unlike: whether it is
    trained on images of another range, other statistics or another order, and not by this call; fault: what is wrong
    with the channels of the image there; loaded: whether other weights were loaded into it; filled: whether
    that was certainly done before; run: the call.
    """

    model: str
    weights: Weights | None
    input: Tensor
    task: str
    channels: int | None = None
    training: bool | None = None
    graded: bool = True
    unlike: bool = False
    fault: Fault | None = None
    loaded: bool = False
    filled: bool = False
    run: Run | None = None


class CriticCalled(Fact, frozen=True):
    """A model is given data, and elsewhere, at the same position, what another model made of something else: a critic
    with real and with generated images. `place` is the call with the data.

    critic, generator: the models' names; data, made: the two tensors, whose ranges are known.
    """

    critic: str
    generator: str
    data: Tensor
    made: Tensor
