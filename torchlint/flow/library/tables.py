"""The contracts: what each name of a library does, read from the tables in ``rules/contracts``.

Definitions
    row         one entry of a table: an operation, a layer, a loss, a transform, … (the classes below)
    full name   a dotted name as the project layer resolves it: ``torch.nn.functional.relu``
    alias       another full name of the same thing; both lead to the same row
    rule name   a word in a row (``range = "softmax"``) that stands for arithmetic in this package
    taught      of a configuration, not of torchlint: such a row holds for names of the linted project too

Worked example: ``Contracts.load(["rules/contracts"]).lookup("torch.nn.functional.sigmoid")`` is the row of
``torch.sigmoid``; ``row.parameters.bind([x], {})`` gives ``{"input": x}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, Union, get_args

import msgspec

from torchlint.flow.library.signatures import ContractError, Parameter, Signature, parse_signature

# --- rows --------------------------------------------------------------------------------------------------------


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    name: str
    aliases: tuple[str, ...] = ()
    signature: str = ""

    @property
    def parameters(self) -> Signature:
        """The parsed signature; one that takes anything where the row gives none."""
        try:
            return parse_signature(self.signature or "(*args, **kwargs)")
        except ContractError as error:
            raise ContractError(f"{self.name}: {error}") from error

    @property
    def short(self) -> str:
        """The last component of the name."""
        return self.name.rsplit(".", 1)[-1]


#: The libraries whose operations torchlint's own tables describe.
LIBRARIES = frozenset({"torch", "numpy", "einops", "timm", "cv2", "skimage", "torchvision", "scipy"})


class Operation(_Row, frozen=True, kw_only=True, gc=False):
    """A function on tensors.

    range: ``[low, high]`` or the name of a rule in `ranges`; `loose` says that the ends may not be reached.
    meaning: a word of `values.Meaning`, or a rule of `meanings`; dtype: a dtype or a rule of `dtypes`; shape: a rule
    of `shapes`. result: a rule of `results` for what is not one tensor (``chunk``, ``size``). grad: ``parameters``
    is a layer's own: attached unless its weight is given. writes: the parameter that is changed in place, and given
    back.
    """

    methods: tuple[str, ...] = ()
    array_methods: tuple[str, ...] = ()
    range: Union[tuple[float, float], str] = "unknown"
    loose: bool = False
    meaning: str = "drop"
    dtype: str = "same"
    shape: str = "unknown"
    grad: Literal["same", "detach", "none", "parameters"] = "same"
    holder: Literal["", "tensor", "numpy", "pil"] = ""
    result: str = ""
    word: str = ""
    writes: str = ""

    @property
    def verb(self) -> str:
        """What the operation is called: its short name, without the ``_`` of an in-place form; a layer's class where
        the operation is the layer's own (``LSTM.forward``). An operation that is no library's keeps its full name, so
        that a project's ``softmax`` is not taken for torch's. A row for functions of different kinds says a `word`."""
        if self.word:
            return self.word
        head, _, last = self.name.rpartition(".")
        if self.name.partition(".")[0] not in LIBRARIES:
            return self.name
        return head.rsplit(".", 1)[-1] if last == "forward" else last.rstrip("_")


ModuleKind = Literal[
    "affine", "norm", "activation", "pool", "dropout", "reshape", "recurrent", "embedding", "attention", "container",
    "other",
]  # fmt: skip


class Module(_Row, frozen=True, kw_only=True, gc=False):
    """A layer. `calls` is the operation that its call performs, on the constructor's arguments and the call's own
    (bound by `call_signature`); `expects` the constructor parameter that says the input's channels or features,
    which stand at dimension `channel_dim`; `holds` names the rule for its parameters, empty if it has none."""

    kind: ModuleKind = "other"
    calls: str = ""
    call_signature: str = ""
    expects: str = ""
    channel_dim: int = 1
    spatial: int = 0
    holds: str = ""

    @property
    def call_parameters(self) -> Signature:
        """The parsed signature of the layer's call."""
        return parse_signature(self.call_signature or "(input)")


class Loss(_Row, frozen=True, kw_only=True, gc=False):
    """A loss, as a class (`name`) and as a function (`function`).

    takes: what the input must be; applies: the activation that the loss itself applies. family: one word for losses of
    one kind, the tables' own or any other. target: ``binary``, ``class-index`` (or a distribution, where
    `target_distribution`), ``probability``, ``distribution``, ``sign`` (−1 or 1), ``count``, ``value``, ``sequence`` or
    ``unknown``. call_signature: the call's own parameters; see `roles`.

    target_dtype: what the loss does not refuse: ``float`` (of any width), ``input`` (the input's own), ``number``
    (anything but bool), ``int64``, ``index`` (int64 or int32), ``class-id`` (int64, or uint8 if the input has no more
    than two dimensions), or empty where everything does. same_shape: the target has the input's shape, which the loss
    insists on unless it `broadcasts`. per_class: the target's shape is the input's without dimension 1, its classes;
    with `target_distribution`, one of floats may have the input's shape and hold probabilities.

    mode: which arguments decide on `takes` and `applies`. ``from-logits``: `from_logits` and `mode`; ``by-mode``:
    `mode` alone; ``activation-flags``: `sigmoid`, `softmax` and `other_act`; ``softmax-flag``: `use_softmax`, a sigmoid
    otherwise; ``activation-name``: `activation`.
    """

    function: str = ""
    call_signature: str = ""
    family: str = "other"
    takes: Literal["probability", "logits", "log-probability", "value", "distance", "unknown"]
    applies: Literal["", "sigmoid", "softmax"] = ""
    target: Literal[
        "binary", "class-index", "probability", "distribution", "log-distribution", "sign", "count", "value",
        "sequence", "mask", "none", "unknown",
    ] = "unknown"  # fmt: skip
    target_dtype: Literal["float", "input", "number", "int64", "index", "class-id", ""] = ""
    target_distribution: bool = False
    same_shape: bool = False
    broadcasts: bool = False
    per_class: bool = False
    mode: Literal["", "from-logits", "by-mode", "activation-flags", "softmax-flag", "activation-name"] = ""

    @property
    def call_parameters(self) -> Signature:
        """The parsed signature of the function, whose first parameters are those of the module's call."""
        return parse_signature(self.call_signature or "(input, target)")

    @property
    def roles(self) -> tuple[str, str]:
        """The names of the parameters that are the input and the target: those that are called so, or else the first
        and the second; empty where there is none."""
        names = [p.name for p in self.call_parameters.params if p.kind in ("any", "keyword")]
        target = "target" if "target" in names else "".join(names[1:2])
        given = "input" if "input" in names else next((name for name in names if name != target), "")
        return given, target


Does = Literal[
    "to_tensor", "pil_to_tensor", "to_image", "to_dtype", "convert_dtype", "normalize", "to_pil", "resize", "crop",
    "pad", "geometric", "photometric", "compose", "choice", "lambda", "identity", "grayscale", "erase", "to_float",
    "albumentations_compose", "to_tensor_v2", "stack_crops", "from_float", "rgb", "whiten", "load",
    "scale_intensity", "sequential", "standard", "unknown",
]  # fmt: skip


class Transform(_Row, frozen=True, kw_only=True, gc=False):
    """A transform of images: `does` is what it does to values and layout, `random` whether it draws.

    passes: whether it gives back as it is what it does not work on. floats: what a ``photometric`` one does to floats:
    their range stays, is cut to [0, 1], or turned round 1; it adds noise, or refuses them. frame: whether height and
    width stay, change places, or are free. keyed: it takes a dict, and transforms what its argument ``keys`` names.
    """

    function: tuple[str, ...] = ()
    call_signature: str = ""
    does: Does
    random: bool = False
    passes: bool = False
    floats: Literal["same", "clip", "invert", "noise", "refuse", "unknown"] = "same"
    frame: Literal["same", "turned", "free"] = "same"
    keyed: bool = False

    @property
    def call_parameters(self) -> Signature:
        """The parsed signature of the function, whose first parameters are those of the object's call."""
        return parse_signature(self.call_signature or "(img)")


class Dataset(_Row, frozen=True, kw_only=True, gc=False):
    """A dataset of images: what one sample holds before any transform.

    holds: what its attribute ``data`` is, all images as bytes: a tensor, or an array with channels last or first; empty
    if it has none. labels: the attribute with the classes of all samples. variants: the first and the last class id by
    the value of the argument `variant_param`, where they depend on it. mask_mode: the mode of a PIL image that is the
    target.
    """

    image_mode: Literal["L", "RGB", "RGBA", ""] = ""
    mask_mode: Literal["L", "P", ""] = ""
    size: tuple[int, ...] = ()
    target: Literal["class-index", "mask", "attributes", "boxes", "image", "unknown"] = "unknown"
    classes: int = 0
    holds: Literal["tensor", "array", "array-CHW", ""] = ""
    labels: Literal["targets", "labels", ""] = ""
    variant_param: str = ""
    variants: dict[str, tuple[int, int]] = {}


class Model(_Row, frozen=True, kw_only=True, gc=False):
    """A constructor of a whole model, or of the last part of one, and what the model returns.

    returns: logits, the values after an activation, or what a dict (``out``) or an object (``logits``) holds; outputs:
    what the parts of a tuple are. task: a classifier returns B×C, a segmenter B×C×H×W; where it is empty the shape is
    not known. The channels C are `channels`, or what the parameter `classes_param` says. activation_param: the
    parameter that puts an activation at the end (segmentation_models_pytorch). unless: parameters that, if they are
    set, make it return something else. spatial_param: the parameter that counts the dimensions of an image, two where
    there is none; tokens: there is an output for each token of a sequence. head: the attribute path of the last layer,
    head_in its input features. mean, std: what images were normalised with that the trained weights have seen; where
    they depend on the name in the parameter `trained_param`, `trained` is the name of the row with those names.
    """

    returns: Literal[
        "logits", "probability", "distribution", "log-probability", "log-distribution", "features", "dict:out",
        "object:logits", "tuple", "unknown",
    ] = "unknown"  # fmt: skip
    outputs: tuple[Literal["logits", "positive", "unknown"], ...] = ()
    task: Literal["classifier", "segmenter", ""] = ""
    channels: int = 0
    classes_param: str = ""
    default_classes: int = 0
    in_channels_param: str = ""
    in_channels: int = 0
    pretrained_params: tuple[str, ...] = ()
    pretrained_default: bool = False
    activation_param: str = ""
    unless: tuple[str, ...] = ()
    spatial_param: str = ""
    tokens: bool = False
    head: str = ""
    head_in: int = 0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    trained: str = ""
    trained_param: str = ""


class Family(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Models whose weights were trained alike: patterns of their names (``resnet*``), and the mean and std that images
    were normalised with, empty if they are not known."""

    models: tuple[str, ...]
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


class Trained(_Row, frozen=True, kw_only=True, gc=False):
    """The statistics of the weights that a library has for many models: the first family that a name fits counts."""

    families: tuple[Family, ...]


class Optimizer(_Row, frozen=True, kw_only=True, gc=False):
    """An optimizer; its first parameter holds what it updates."""

    learning_rate: str = "lr"


class Scheduler(_Row, frozen=True, kw_only=True, gc=False):
    """A schedule of the learning rate; `per` is what one step of it stands for."""

    per: Literal["epoch", "batch", "either"] = "epoch"


class Data(_Row, frozen=True, kw_only=True, gc=False):
    """A loader, or a dataset made of others."""

    kind: Literal["loader", "tensor_dataset", "subset", "concat", "split", "base", "sampler", "collate"]


class Wrapper(_Row, frozen=True, kw_only=True, gc=False):
    """A callable whose result stands for its argument `argument`; ``*`` where it gives back each of its arguments."""

    argument: str


class Engine(_Row, frozen=True, kw_only=True, gc=False):
    """An object that runs a loop over batches by itself, once one of its methods `runs` is called.

    model, loss: the parameters that say what is called on the input of a batch, and on what comes of it and the target;
    process: the parameter whose function is called with the engine and a batch instead. loader: the parameter that
    gives batches, where it is not the first argument of `runs`. batch: ``pair`` (or a dict with ``image`` and
    ``label``), ``arrays`` where `runs` is called with input and target themselves. prepare, transform, inferer: the
    parameters of functions that make a pair of a batch, change the output, or call the model; metrics: the parameter of
    a dict in which further losses may be. hook: the method of derived classes that is called with the model and a batch
    of the dataset `loader`. evaluates: it computes no gradients.
    """

    model: str = ""
    loss: str = ""
    process: str = ""
    loader: str = ""
    runs: tuple[str, ...]
    batch: Literal["pair", "arrays"] = "pair"
    prepare: str = ""
    transform: str = ""
    inferer: str = ""
    metrics: str = ""
    hook: str = ""
    evaluates: bool = False


class Maker(_Row, frozen=True, kw_only=True, gc=False):
    """Makes an object of which nothing is known but the methods that have rows of their own, below its name."""


class Caller(_Row, frozen=True, kw_only=True, gc=False):
    """A function that calls its argument `calls` on its arguments `given` (``*`` for the rest), and gives what comes
    of it; with a `call_signature`, a class whose objects do."""

    calls: str
    given: tuple[str, ...]
    call_signature: str = ""


class Source(_Row, frozen=True, kw_only=True, gc=False):
    """A function that reads an image or an array.

    flag: the parameter on which the mode depends, and `modes` the mode for each of its values that give bytes, a
    library's constants by the last part of their names; any other value may give numbers of any depth.
    """

    holder: Literal["pil", "numpy", "tensor"]
    dtype: str = ""
    scale: Literal["unit", "byte", ""] = ""
    layout: Literal["CHW", "HWC", ""] = ""
    mode: Literal["RGB", "BGR", "L", ""] = ""
    flag: str = ""
    modes: dict[str, str] = {}


class Sink(_Row, frozen=True, kw_only=True, gc=False):
    """A function that shows or saves the tensor `argument` as a picture.

    rescales: the argument that, if it is true, scales the values to what a picture needs. methods: what methods of
    objects that no contract knows are called, if they are taken for this function. floats: what it takes numbers with
    a fraction for: ``unit`` if it cuts them off at 0 and 1, ``bytes`` if at 0 and 255; empty if it scales them itself,
    or that is not known. planes: whether it scales a picture of one channel by what that holds.
    """

    argument: str
    does: Literal["show", "save"]
    floats: Literal["unit", "bytes", ""] = ""
    planes: bool = False
    rescales: str = ""
    methods: tuple[str, ...] = ()


class Estimator(_Row, frozen=True, kw_only=True, gc=False):
    """A preprocessor of tables, fitted on one array and then applied to others.

    gives: ``standardized`` (mean 0, unit variance, column by column), ``ranged`` (``feature_range``, on what it was
    fitted on), ``signed`` (at most 1 in size), ``class-index``, ``one-hot`` or ``multi-hot``. It gives so only if no
    flag of `needs` is false, and, where there are flags in `dense`, one of them is. function: a function that fits and
    applies at once.
    """

    function: str = ""
    gives: Literal["standardized", "ranged", "signed", "class-index", "one-hot", "multi-hot", "unknown"] = "unknown"
    needs: tuple[str, ...] = ()
    dense: tuple[str, ...] = ()


class Samples(_Row, frozen=True, kw_only=True, gc=False):
    """A function that gives a table and its targets: two arrays, or one object with both if ``return_X_y`` is false.

    Sizes that are not said are arguments: ``n_samples``, ``n_features``, ``n_classes``. range, target_range: the ends
    that the numbers reach.
    """

    rows: int = 0
    columns: int = 0
    classes: int = 0
    range: Union[tuple[float, float], None] = None
    target: Literal["class-index", "value", "multi-hot"] = "class-index"
    target_range: Union[tuple[float, float], None] = None


class Package(_Row, frozen=True, kw_only=True, gc=False):
    """A package that has the names of some of its modules too: what a table says of ``pack.Flip`` holds for
    ``pack.inner.deeper.Flip``, if ``pack.inner`` is one of `inside`."""

    inside: tuple[str, ...]


Row = Union[
    Operation, Module, Loss, Transform, Dataset, Model, Optimizer, Scheduler, Data, Wrapper, Source, Sink, Estimator,
    Samples, Engine, Caller, Maker, Package, Trained,
]  # fmt: skip


#: The kinds of row, by the word that a table uses.
KINDS: Mapping[str, type[Row]] = {t.__name__.lower(): t for t in get_args(Row)}


# --- tables ------------------------------------------------------------------------------------------------------


class Table(msgspec.Struct, frozen=True):
    """The rows that stand in one place: `origin` is that place, as an error names it, and `prefix` what the kinds of
    row stand below in it."""

    origin: str
    rows: tuple[Row, ...]
    prefix: str = ""


def names_of(row: Row) -> Iterator[str]:
    """Every name that leads to a row; none leads to that of a package."""
    if isinstance(row, Package):
        return
    yield row.name
    yield from row.aliases
    if isinstance(row, Transform):
        yield from row.function
    elif isinstance(row, (Loss, Estimator)) and row.function:
        yield row.function


__all__ = [
    "KINDS", "Caller", "ContractError", "Data", "Dataset", "Engine", "Estimator", "Loss", "Maker",
    "Model",
    "Module", "Operation", "Optimizer", "Package", "Parameter", "Row", "Samples", "Scheduler", "Signature", "Sink",
    "Source", "Table", "Transform", "Wrapper", "names_of", "parse_signature",
]  # fmt: skip
