"""The contracts: what each name of a library does, read from the tables in ``rules/contracts``.

Definitions
    row         one entry of a table: an operation, a layer, a loss, a transform, … (the classes below)
    full name   a dotted name as the project layer resolves it: ``torch.nn.functional.relu``
    alias       another full name of the same thing; both lead to the same row
    rule name   a word in a row (``range = "softmax"``) that stands for arithmetic in this package

Worked example: ``Contracts.load(["rules/contracts"]).lookup("torch.nn.functional.sigmoid")`` is the row of
``torch.sigmoid``; ``row.parameters.bind([x], {})`` gives ``{"input": x}``.
"""

from __future__ import annotations

import ast
import gc
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, Union, get_args

import msgspec

from torchlint.flow.values import REST, UNKNOWN, Const, Tuple, Value, make_list

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    import tomli as tomllib


class ContractError(ValueError):
    """A table that cannot be read: the message names the file and the row."""


# --- signatures --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parameter:
    """One parameter: `default` is None where the caller must give it; kind is ``any``, ``keyword`` or ``*``/``**``."""

    name: str
    default: Value | None = None
    kind: str = "any"


@dataclass(frozen=True)
class Signature:
    """The parameters of a callable, in order."""

    params: tuple[Parameter, ...]
    positional: tuple[str, ...] = field(default=())

    def bind(self, args: Sequence[Value], keywords: Mapping[str, Value]) -> dict[str, Value]:
        """Arguments by parameter name, defaults filled in.

        Nothing is refused: surplus positional arguments (and those of ``*args``) are a tuple under ``"*"``, and
        keywords that the signature does not name are kept under their own names. Where an unknown number of arguments
        is passed, what is not given by name may be among them.
        """
        bound: dict[str, Value] = dict(zip(self.positional, args))
        if len(args) > len(self.positional):
            bound["*"] = Tuple(tuple(args[len(self.positional) :]))
        bound.update(keywords)
        more = "**" in keywords or REST in args
        for parameter in self.params:
            if parameter.default is not None and parameter.name not in bound:
                bound[parameter.name] = UNKNOWN if more else parameter.default
        return bound


def _literal(node: ast.expr) -> Value:
    return _value(ast.literal_eval(node))


def _value(x: Any) -> Value:
    if isinstance(x, tuple):
        return Tuple(tuple(_value(e) for e in x))
    if isinstance(x, list):
        return make_list(_value(e) for e in x)
    if x is None or isinstance(x, (bool, int, float, str)):
        return Const(x)
    raise ValueError(f"{x!r} cannot be a default")


@cache
def parse_signature(text: str) -> Signature:
    """The signature that ``"(input, weight, *, stride=1)"`` stands for; its defaults are literals."""
    try:
        return _signature(text)
    except (SyntaxError, ValueError) as error:
        raise ContractError(f"{text!r} is not a signature: {error}") from error


def _signature(text: str) -> Signature:
    if not (text.startswith("(") and text.endswith(")")):
        raise ValueError("it needs parentheses")
    tree = ast.parse(f"lambda {text[1:-1]}: 0", mode="eval").body
    if not isinstance(tree, ast.Lambda) or not isinstance(tree.body, ast.Constant):
        raise ValueError("it is more than parameters")
    given = tree.args
    plain = [*given.posonlyargs, *given.args]
    missing: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults))
    params: list[Parameter] = []
    for argument, default in zip(plain, missing + list(given.defaults)):
        params.append(Parameter(argument.arg, None if default is None else _literal(default)))
    positional = tuple(p.name for p in params)
    if given.vararg is not None:
        params.append(Parameter(given.vararg.arg, None, "*"))
    for argument, default in zip(given.kwonlyargs, given.kw_defaults):
        params.append(Parameter(argument.arg, None if default is None else _literal(default), "keyword"))
    if given.kwarg is not None:
        params.append(Parameter(given.kwarg.arg, None, "**"))
    return Signature(tuple(params), positional)


# --- rows --------------------------------------------------------------------------------------------------------


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    name: str
    aliases: tuple[str, ...] = ()
    signature: str = "(*args, **kwargs)"

    @property
    def parameters(self) -> Signature:
        """The parsed signature."""
        try:
            return parse_signature(self.signature)
        except ContractError as error:
            raise ContractError(f"{self.name}: {error}") from error

    @property
    def short(self) -> str:
        """The last component of the name."""
        return self.name.rsplit(".", 1)[-1]


class Operation(_Row, frozen=True, kw_only=True, gc=False):
    """A function on tensors.

    range: ``[low, high]`` or the name of a rule in `ranges`; `loose` says that the ends may not be reached.
    meaning: a word of `values.Meaning`, or a rule of `meanings`; dtype: a dtype or a rule of `dtypes`; shape: a rule
    of `shapes`. result: a rule of `results` for what is not one tensor (``chunk``, ``size``). grad: ``parameters``
    is a layer's own: attached unless its weight is given.
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

    @property
    def verb(self) -> str:
        """What the operation is called: its short name, without the ``_`` of an in-place form; a layer's class where
        the operation is the layer's own (``LSTM.forward``)."""
        head, _, last = self.name.rpartition(".")
        return head.rsplit(".", 1)[-1] if last == "forward" else last.rstrip("_")


ModuleKind = Literal[
    "affine", "norm", "activation", "pool", "dropout", "reshape", "recurrent", "embedding", "attention", "container",
    "other",
]  # fmt: skip


class Module(_Row, frozen=True, kw_only=True, gc=False):
    """A layer. `calls` is the operation that its call performs, on the constructor's arguments and the call's own
    (bound by `call_signature`); `expects` the constructor parameter that says the input's channels or features,
    which stand at dimension `channel_dim`."""

    kind: ModuleKind = "other"
    calls: str = ""
    call_signature: str = "(input)"
    expects: str = ""
    channel_dim: int = 1
    spatial: int = 0


class Loss(_Row, frozen=True, kw_only=True, gc=False):
    """A loss, as a class (`name`) and as a function (`function`). See `families` in the contract tests.

    takes: what the input must be; applies: the activation that the loss itself applies. target: ``binary``,
    ``class-index`` (or a distribution, where `target_distribution`), ``probability``, ``distribution``, ``sign``
    (−1 or 1), ``count``, ``value`` or ``sequence``.

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
    call_signature: str = "(input, target)"
    family: str
    takes: Literal["probability", "logits", "log-probability", "value", "distance", "unknown"]
    applies: Literal["", "sigmoid", "softmax"] = ""
    target: Literal[
        "binary", "class-index", "probability", "distribution", "log-distribution", "sign", "count", "value",
        "sequence", "mask", "none",
    ] = "value"  # fmt: skip
    target_dtype: Literal["float", "input", "number", "int64", "index", "class-id", ""] = ""
    target_distribution: bool = False
    same_shape: bool = False
    broadcasts: bool = False
    per_class: bool = False
    mode: Literal["", "from-logits", "by-mode", "activation-flags", "softmax-flag", "activation-name"] = ""

    @property
    def call_parameters(self) -> Signature:
        """The parsed signature of the function, whose first parameters are those of the module's call."""
        return parse_signature(self.call_signature)


Does = Literal[
    "to_tensor", "pil_to_tensor", "to_image", "to_dtype", "convert_dtype", "normalize", "to_pil", "resize", "crop",
    "pad", "geometric", "photometric", "compose", "choice", "lambda", "identity", "grayscale", "erase", "to_float",
    "albumentations_compose", "to_tensor_v2", "stack_crops", "unknown",
]  # fmt: skip


class Transform(_Row, frozen=True, kw_only=True, gc=False):
    """A transform of images: `does` is what it does to values and layout, `random` whether it draws."""

    function: tuple[str, ...] = ()
    call_signature: str = "(img)"
    does: Does
    random: bool = False


class Dataset(_Row, frozen=True, kw_only=True, gc=False):
    """A dataset of images: what one sample holds before any transform.

    holds: what its attribute ``data`` is, all images as bytes: a tensor, or an array with channels last or first; empty
    if it has none. labels: the attribute with the classes of all samples.
    """

    image_mode: Literal["L", "RGB", "RGBA", ""] = ""
    size: tuple[int, ...] = ()
    target: Literal["class-index", "mask", "attributes", "boxes", "image", "unknown"] = "unknown"
    classes: int = 0
    holds: Literal["tensor", "array", "array-CHW", ""] = ""
    labels: Literal["targets", "labels", ""] = ""


class Model(_Row, frozen=True, kw_only=True, gc=False):
    """A constructor of a whole model, and what the model returns.

    head: the attribute path of the last layer, head_in its input features. activation_param: the parameter that puts
    an activation at the end (segmentation_models_pytorch). unless: parameters that, if they are set, make it return
    something else. spatial_param: the parameter that counts the dimensions of an image, two where there is none;
    tokens: there is an output for each token of a sequence. outputs: what the parts of a tuple are.
    """

    returns: Literal["logits", "features", "dict:out", "object:logits", "tuple", "unknown"] = "unknown"
    outputs: tuple[Literal["logits", "positive", "unknown"], ...] = ()
    task: Literal["classifier", "segmenter", ""] = ""
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
    a dict in which further losses may be. evaluates: it computes no gradients.
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
    evaluates: bool = False


class Caller(_Row, frozen=True, kw_only=True, gc=False):
    """A function that calls its argument `calls` on its arguments `given` (``*`` for the rest), and gives what comes
    of it; with a `call_signature`, a class whose objects do."""

    calls: str
    given: tuple[str, ...]
    call_signature: str = ""


class Source(_Row, frozen=True, kw_only=True, gc=False):
    """A function that reads an image or an array."""

    holder: Literal["pil", "numpy", "tensor"]
    dtype: str = ""
    scale: Literal["unit", "byte", ""] = ""
    layout: Literal["CHW", "HWC", ""] = ""
    mode: Literal["RGB", "BGR", "L", ""] = ""


class Sink(_Row, frozen=True, kw_only=True, gc=False):
    """A function that shows or saves the tensor `argument` as a picture.

    rescales: the argument that, if it is true, scales the values to what a picture needs. methods: what methods of
    objects that no contract knows are called, if they are taken for this function.
    """

    argument: str
    does: Literal["show", "save"]
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


Row = Union[
    Operation, Module, Loss, Transform, Dataset, Model, Optimizer, Scheduler, Data, Wrapper, Source, Sink, Estimator,
    Samples, Engine, Caller,
]  # fmt: skip


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    operation: list[Operation] = []
    module: list[Module] = []
    loss: list[Loss] = []
    transform: list[Transform] = []
    dataset: list[Dataset] = []
    model: list[Model] = []
    optimizer: list[Optimizer] = []
    scheduler: list[Scheduler] = []
    data: list[Data] = []
    wrapper: list[Wrapper] = []
    source: list[Source] = []
    sink: list[Sink] = []
    estimator: list[Estimator] = []
    samples: list[Samples] = []
    engine: list[Engine] = []
    caller: list[Caller] = []


KINDS: tuple[str, ...] = tuple(t.__name__.lower() for t in get_args(Row))


# --- the whole ---------------------------------------------------------------------------------------------------


class Contracts:
    """All rows, by every name that leads to them. Later folders override earlier ones, name by name."""

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        self.rows: list[Row] = []
        self._names: dict[str, Row] = {}
        self._methods: dict[str, Operation] = {}
        self._array_methods: dict[str, Operation] = {}
        self._sinks: dict[str, Sink] = {}
        self._patterns: list[tuple[str, re.Pattern[str], Row]] = []
        for row in rows:
            self._add(row)

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        names = self._names
        for name in (row.name, *row.aliases):
            if "*" in name:
                self._patterns.append((name.partition("*")[0], re.compile(re.escape(name).replace(r"\*", ".*")), row))
            else:
                names[name] = row
        if isinstance(row, Operation):
            for method in row.methods:
                self._methods[method] = row
            for method in row.array_methods:
                self._array_methods[method] = row
        elif isinstance(row, Transform):
            for name in row.function:
                names[name] = row
        elif isinstance(row, Sink):
            self._sinks.update(dict.fromkeys(row.methods, row))
        elif isinstance(row, (Loss, Estimator)) and row.function:
            names[row.function] = row

    @classmethod
    def load(cls, folders: Sequence[str]) -> Contracts:
        """Read every ``*.toml`` of the folders, in the order of the folders and then of the names."""
        from torchlint.flow.library.rules import unknown_rule  # the rules are written in terms of rows

        contracts = cls()
        collecting = gc.isenabled()
        gc.disable()  # half of the time goes into collections that find nothing
        try:
            for folder in folders:
                for name in sorted(os.listdir(folder)):
                    if name.endswith(".toml"):
                        path = os.path.join(folder, name)
                        with open(path, "rb") as file:
                            for row in read_table(file.read(), path):
                                problem = unknown_rule(row) if isinstance(row, Operation) else None
                                if problem is not None:
                                    raise ContractError(f"{path}: [[operation]] {row.name}: {problem}")
                                contracts._add(row)
        finally:
            if collecting:
                gc.enable()
        return contracts

    def lookup(self, full_name: str) -> Row | None:
        """The row of a full name, however it is spelled; None if no table knows it.

        A name with ``*`` in it is a pattern, which counts where no row has the name itself.
        """
        found = self._names.get(full_name)
        if found is None:
            for start, pattern, row in self._patterns:
                if full_name.startswith(start) and pattern.fullmatch(full_name):
                    return row
        return found

    def operation(self, full_name: str) -> Operation | None:
        """The operation of that name; None for other kinds of row."""
        row = self._names.get(full_name)
        return row if isinstance(row, Operation) else None

    def method(self, name: str, holder: str = "tensor") -> Operation | None:
        """What a method of a tensor (or of an array: `holder`) does: ``sigmoid_``."""
        if holder == "numpy" and name in self._array_methods:
            return self._array_methods[name]
        return self._methods.get(name) or self._array_methods.get(name)

    def sink(self, method: str) -> Sink | None:
        """The function that a method of an object without a contract is taken for: ``imshow``."""
        return self._sinks.get(method)

    def interesting_names(self) -> frozenset[str]:
        """Every full name that has a row, patterns included."""
        return frozenset(self._names) | {name for row in self.rows for name in (row.name, *row.aliases)}


def read_table(data: bytes, path: str) -> list[Row]:
    """The rows of one table; a `ContractError` names the file and the row where it is wrong."""
    try:
        tree = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ContractError(f"{path}: not a TOML file: {error}") from error
    try:
        table = msgspec.convert(tree, _Table)
    except msgspec.ValidationError as error:
        raise ContractError(f"{path}: {_locate(tree, error)}") from error
    rows: list[Row] = []
    for kind in KINDS:
        rows.extend(getattr(table, kind))
    return rows


def _locate(tree: Mapping[str, Any], error: msgspec.ValidationError) -> str:
    """The error, with the row that it lies in: the kind and the name instead of a number."""
    message = str(error)
    for kind, rows in tree.items():
        if not isinstance(rows, list):
            continue
        for number, row in enumerate(rows):
            if f"$.{kind}[{number}]" in message:
                name = row.get("name", f"number {number + 1}") if isinstance(row, dict) else f"number {number + 1}"
                return f"[[{kind}]] {name}: {message}"
    return message
