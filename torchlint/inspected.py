"""What a run showed of a model: plain data that a run gives and reports are made of.

**Invariant:** numbers are finite, lists are bounded. Texts are of the program that was run, so whoever shows them makes
them harmless first; `torchlint.confirm.inspecting` has replaced what drives a terminal.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias, Union

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(max_length=400)]
Count = Annotated[int, Meta(ge=0, le=1 << 62)]
Row = Annotated[int, Meta(ge=0, le=10_000_000)]
Shape = Annotated[tuple[Count, ...], Meta(max_length=16)]
Number: TypeAlias = Union[float, None]
Norm: TypeAlias = Union[Annotated[float, Meta(ge=0)], None]

#: Why there is no model or no run of it, in words; a child's reasons, and the ways a job ends.
REASONS = {
    "argument": "an argument of its constructor is not known",
    "guess_rejected": "the arguments of its constructor are not known, and those guessed raise an error",
    "package_missing": "it needs a package that is not installed",
    "download_blocked": "it downloads something, and a run has no network",
    "load": "the file, or the class in it, cannot be loaded",
    "syntax": "the file is not valid Python",
    "not_found": "there is no such file or class",
    "constructor": "its constructor raises an error",
    "not_a_module": "it is no torch.nn.Module",
    "changed": "the program changes it after it is built, in a way that could not be followed",
    "budget": "it takes more processor time than it may",
    "memory": "it takes more memory than it may",
    "no_recipe": "nothing says how it is constructed",
    "forward": "its forward raises an error",
    "inputs": "what its forward takes is not known",
    "lazy": "its lazy layers take their sizes from the input, which --input must name",
    "raised": "code of the project raises an error where it was not meant to run",
    "size": "it is too large to run here",
    "killed": "its process was killed from outside",
    "crashed": "its process ended without an answer",
    "bad answer": "its process gave an answer that makes no sense",
    "unavailable": "no process could be started for it",
}


class Class(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model that a file defines; `root`: no other model of the file is made of it or derived from it."""

    name: Text
    row: Row
    root: bool


class Failure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why there is no model, or no run of it.

    reason: one of `REASONS`. message: text of the program that was run. last: the layer
    that came to its end last; inside: the one that did not, both empty if no pass broke off.
    """

    reason: Text
    message: Text = ""
    path: Text = ""
    row: Row = 0
    last: Text = ""
    inside: Text = ""


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the model was made: the call, where it stands, and what of it was guessed."""

    kind: Text
    text: Text
    path: Text
    row: Row
    guessed: Annotated[tuple[Text, ...], Meta(max_length=16)] = ()


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many numbers parameters have, in all, those that are trained, and by dtype; bytes of them and of buffers."""

    count: Count
    trainable: Count
    dtypes: Annotated[dict[Text, Count], Meta(max_length=32)]
    bytes: Count
    buffer_bytes: Count


class Tensor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tensor of the input or the output; `name` is the way to it in what the model returns, such as ``[0]``."""

    shape: Shape
    dtype: Text
    name: Text = ""


class Inputs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `forward` was given; `known`: its shapes are those that were named, not found by trying."""

    tensors: Annotated[tuple[Tensor, ...], Meta(max_length=16)]
    known: bool


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A layer: what it gave in its first run (`shape` None: no tensor, or it was not
    called; its parameters may be used all the same), and Euclidean norms of
    gradients: of all its own parameters, and of what it gave."""

    name: Text
    type: Text
    shape: Shape | None
    calls: Count
    parameters: Count
    trainable: Count
    minimum: Number
    maximum: Number
    mean: Number
    deviation: Norm
    not_finite: Count
    activation_gradient: Norm
    weight_gradient: Norm


class Seed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The numbers of the model's first output under one seed; None where none is finite."""

    seed: Count
    minimum: Number
    maximum: Number
    mean: Number
    deviation: Norm
    not_finite: Count


class Histogram(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often the numbers of the first output lie between two edges, over all seeds; those not finite apart."""

    edges: Annotated[tuple[float, ...], Meta(max_length=101)]
    counts: Annotated[tuple[Count, ...], Meta(max_length=100)]
    nan: Count
    infinite: Count


class Gradients(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mode in which gradients were taken (empty: there were none), and the parameters that none reached."""

    mode: Text
    unreached: Annotated[tuple[Text, ...], Meta(max_length=100)]
    unreached_in_all: Count
    finite: bool


class Mixing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"in_eval": "eval", "in_train": "train"}):
    """Whether the output of a sample was seen to depend on another sample; None where that could not be tried."""

    in_eval: bool | None
    in_train: bool | None


class Differences(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The largest difference of the first output between two calls in eval mode, and between train and eval mode."""

    eval_eval: Norm
    train_eval: Norm


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that a run showed of a model; a part that is None or empty was not reached.

    train: whether the forward pass was in train mode. left_out: parts for which there was no time.
    """

    name: Text
    torch: Text = ""
    train: bool = False
    failure: Failure | None = None
    recipe: Recipe | None = None
    parameters: Parameters | None = None
    inputs: Inputs | None = None
    layers: Annotated[tuple[Layer, ...], Meta(max_length=500)] = ()
    layers_in_all: Count = 0
    outputs: Annotated[tuple[Tensor, ...], Meta(max_length=16)] = ()
    seeds: Annotated[tuple[Seed, ...], Meta(max_length=16)] = ()
    histogram: Histogram | None = None
    gradients: Gradients | None = None
    mixing: Mixing | None = None
    train_eval: Differences | None = None
    left_out: Annotated[tuple[Text, ...], Meta(max_length=16)] = ()


class Inspection(msgspec.Struct, frozen=True):
    """The models of a file, in order, and how they were run."""

    path: str
    models: tuple[Model, ...]
    isolation: str = ""
    seed: int = 0
