"""Abstract values: what the interpreter knows of every object of the program.

Definitions
    value        any object of this module; Python scalars are `Const`
    Unknown      nothing is known; its `key`, if it has one, names the value so that two tests of it agree
    guard        ``((key, way), …)``: the unknown tests that were decided on the way to a value
    Alternatives a value that is one of several, each under its guard
    cell         a mutable place: an entry of a dict that a mutable value owns (`attrs`, `items`); the interpreter
                 writes cells only through its log, so that a branch can be undone
    trail        how a tensor came to be: a linked list of `Trail`, newest first

Values that say what is known (`Const`, `Tensor`, …) are never changed once made.

Worked example: after ``x = sigmoid(y) if args.flag else y`` with y the output of a `Linear`, x is
``Alternatives([((("args.flag", True),), <probability in [0, 1]>), ((("args.flag", False),), <logits, unbounded>)])``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from torchlint.flow.interval import Interval
from torchlint.flow.library.refusals import Refusal
from torchlint.flow.shape import Dim, Shape
from torchlint.syntax import ir

Key = Any  # hashable name of an unknown test
Guard = tuple[tuple[Key, bool], ...]


class Place(NamedTuple):
    """A node of a file: `path` as the user wrote it, `n` the node's number in that file's IR."""

    path: str
    n: int


class Trail(msgspec.Struct, frozen=True, eq=False):
    """One step of a value's history: what happened at `place`; `parent` is the step before."""

    place: Place
    note: str
    parent: Trail | None = None

    def steps(self) -> Iterator[Trail]:
        """The steps, newest first."""
        step: Trail | None = self
        while step is not None:
            yield step
            step = step.parent


class Via(msgspec.Struct, frozen=True, eq=False):
    """The operation that gave a value: `op` as torch names it (``mul`` for ``*``), its arguments by name, its place.

    made: where the layer that did it was constructed, None for a function; text: how the program spells it
    (``torch.sigmoid``, or ``nn.Sigmoid()`` for a layer); operand: the number of the node that spells what it works on,
    in the file of `place`, if one does; full: the full name of what a library calls it, empty if none does; refused:
    why torch refuses these arguments, if it does. Following `arguments` leads back through the whole computation.
    """

    op: str
    arguments: Mapping[str, Value]
    place: Place
    made: Place | None = None
    operand: int | None = None
    text: str = ""
    full: str = ""
    refused: Refusal | None = None


class Several(Via, frozen=True, eq=False):
    """An operation that gave several values: `results` are those that are known, and where each is among all of them,
    as indices."""

    results: list[tuple[Value, tuple[int, ...]]] = msgspec.field(default_factory=list)


class Measured(Via, frozen=True, eq=False):
    """A library's loss, whose `op` is ``loss``: `settings` are its other arguments, those of its construction too;
    configured: the call in which they stand, that construction or the call of a function."""

    settings: Mapping[str, Value] = msgspec.field(default_factory=dict)
    configured: Place | None = None


class Applied(Via, frozen=True, eq=False):
    """A transform of a picture, whose `op` is ``transform``: `arguments` are the picture (``input``) and the settings.

    does: what it does (``to_tensor``, ``normalize``, ``resize``, …, the words of the contracts); random: whether it
    draws, and then `draw` numbers the draw, which all pictures share that were transformed by the same call; seeded:
    how often the state of random numbers was set before; made: where it was constructed, for a function the call.
    """

    does: str = ""
    random: bool = False
    draw: int = 0
    seeded: int = 0


class Drawn(Via, frozen=True, eq=False):
    """That a loader drew a batch, whose `op` is ``batch``: `arguments` are the sample (``input``), made: where the
    loader was constructed, `loader` the loader, `dataset` what it draws from, as it was then."""

    loader: Object | None = None
    dataset: Value | None = None


class Origin(NamedTuple):
    """Why something is unknown: what is to be said of it, and whether it is the result of calling such a thing; for a
    part of a library's model, that model (`owner`)."""

    reason: str
    called: bool = False
    owner: Value | None = None


class Value:
    """Base of all abstract values."""

    __slots__ = ()


class Unknown(Value, msgspec.Struct, frozen=True, eq=False):
    """Nothing is known. `key` names it, if it is the same unknown wherever it is met.

    via: the operation that gave it, if that is one that tensors have. grad: ``detached`` where it is data, which
    depend on no parameter. origin: why nothing is known, where that can be said.
    """

    key: Key = None
    via: Via | None = None
    grad: str | None = None
    origin: Origin | None = None

    @property
    def blank(self) -> bool:
        """Whether it has no name and no history, so that one is as good as another."""
        return self.key is None and self.via is None and self.grad is None

    def named(self, key: Key) -> Unknown:
        """The same, with a name."""
        return Unknown(key, self.via, self.grad, self.origin)

    def part(self) -> Unknown:
        """Something taken from it, of which only the reason for not knowing it is left."""
        return self if self.blank else UNKNOWN if self.origin is None else Unknown(None, None, None, self.origin)

    def __repr__(self) -> str:
        return f"Unknown({self.key!r})" if self.key is not None else "Unknown"


UNKNOWN = Unknown()


def because(reason: str) -> Unknown:
    """Something unknown, and why."""
    return Unknown(None, None, None, Origin(reason))


class Const(Value, msgspec.Struct, frozen=True):
    """A Python scalar: None, a bool, an int, a float or a str."""

    value: bool | int | float | str | None


NONE, TRUE, FALSE = Const(None), Const(True), Const(False)


class Number(Value, msgspec.Struct, frozen=True, eq=False):
    """A number that is not a constant: a symbolic size (`dim`), or one known by its interval; `via` is the operation
    that took it out of a tensor; `kind` is ``int``, ``float`` or ``bool``, if that is known. The first two compare."""

    dim: Any = None
    interval: Interval | None = None
    via: Via | None = None
    kind: str | None = None

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(other) is not type(self):
            return NotImplemented
        return self.dim == other.dim and self.interval == other.interval

    def __hash__(self) -> int:
        return hash((self.dim, self.interval))


class Chance(Number, frozen=True, eq=False):
    """A number that the program draws by itself: ``random.random()``."""


def kind_of(value: Value | None) -> str | None:
    """The Python type of a number: ``int``, ``float`` or ``bool``; None for anything else, or if it is not known."""
    if isinstance(value, Const):
        return type(value.value).__name__ if isinstance(value.value, (bool, int, float)) else None
    if isinstance(value, Number):
        return "int" if value.kind is None and value.dim is not None else value.kind
    if isinstance(value, Unknown) and isinstance(value.key, tuple) and value.key:
        return {"len": "int", "int": "int", "float": "float"}.get(value.key[0])
    return None


def common_kind(values: Iterable[Value]) -> str | None:
    """The Python type that all of these numbers have; None if there is none, or it is not known."""
    kinds = {kind_of(value) for value in values}
    return kinds.pop() if len(kinds) == 1 else None


class Text(Value, msgspec.Struct, frozen=True, eq=False):
    """A string that is not fully known."""


class Tuple(Value, msgspec.Struct, frozen=True):
    items: tuple[Value, ...]


class Unsure(NamedTuple):
    """The items of a list whose number is not known: what any of them is, the last ones as far as they are known, and,
    where the length depends on tests, all of them under each guard."""

    element: Value
    tail: tuple[Value, ...] = ()
    variants: tuple[tuple[Guard, tuple[Value, ...]], ...] = ()


class List(Value, msgspec.Struct, frozen=True, eq=False):
    """A list (or set). Its one cell ``attrs["items"]`` is a tuple of values, or an `Unsure`."""

    attrs: dict[str, Any]
    kind: str = "list"

    @property
    def content(self) -> tuple[Value, ...] | Unsure:
        content: tuple[Value, ...] | Unsure = self.attrs["items"]
        return content

    @property
    def items(self) -> tuple[Value, ...] | None:
        content = self.attrs["items"]
        return None if type(content) is Unsure else content

    @property
    def element(self) -> Value:
        """What any element is, when their number is unknown."""
        content = self.attrs["items"]
        return content.element if type(content) is Unsure else UNKNOWN


class Rest(Unknown, frozen=True, eq=False):
    """An unknown number of further arguments or children: what each is, and all of them under each of some guards.
    Made by `rest_of`."""

    element: Value = UNKNOWN
    variants: tuple[tuple[Guard, tuple[Value, ...]], ...] = ()


def rest_of(element: Value = UNKNOWN, variants: tuple[tuple[Guard, tuple[Value, ...]], ...] = ()) -> Rest:
    """An unknown number of such values; why it is unknown is why one of them is."""
    return Rest(("rest",), None, None, element.origin if isinstance(element, Unknown) else None, element, variants)


#: Further positional arguments of which nothing is known; as a keyword ``**``, further keywords.
REST = rest_of()


def has_rest(values: Iterable[Value]) -> bool:
    """Whether there is an unknown number of further values among these."""
    return any(type(v) is Rest for v in values)


def make_list(items: Iterable[Value], kind: str = "list") -> List:
    """A list of exactly these values."""
    return List({"items": tuple(items)}, kind)


def list_of(element: Value, kind: str = "list") -> List:
    """A list of an unknown number of such elements."""
    return List({"items": Unsure(element)}, kind)


class Dict(Value, msgspec.Struct, eq=False):
    """A dict: `items` maps constant keys to values; the cell ``meta["open"]`` is true if there may be others, and
    ``meta["named"]`` has what the display gave for keys that are a library's (``{nn.Linear: …}``), by their names."""

    items: dict[Any, Value]
    meta: dict[str, Any] = msgspec.field(default_factory=lambda: {"open": False})


class Namespace(Value, msgspec.Struct, frozen=True, eq=False):
    """A module of the project: its name, and its globals (`scope`) as far as it was evaluated."""

    name: str
    path: str
    attrs: dict[str, Value]


class Library(Value, msgspec.Struct, frozen=True):
    """Something outside the project, by its canonical dotted name: ``torch.nn.BCELoss``."""

    name: str


class Function(Value, msgspec.Struct, eq=False):
    """A function of the project. `closure` is the chain of enclosing scopes, innermost first; `owner` the class in
    whose body it was defined; `contract` the name of the row that says what it does, if a configuration has one."""

    node: ir.FunctionDef | ir.Lambda
    path: str
    closure: tuple[dict[str, Value], ...]
    module: Namespace
    defaults: dict[str, Value]
    owner: Class | None = None
    decorations: tuple[str, ...] = ()
    attrs: dict[str, Value] = msgspec.field(default_factory=dict)
    contract: str = ""

    @property
    def name(self) -> str:
        return self.node.name if isinstance(self.node, ir.FunctionDef) else "<lambda>"


class Class(Value, msgspec.Struct, eq=False):
    """A class of the project: `mro` is its linearisation, itself first; unresolved bases are `Library` or Unknown;
    `contract` as in `Function`."""

    node: ir.ClassDef
    path: str
    module: Namespace
    bases: tuple[Value, ...]
    attrs: dict[str, Value]
    mro: tuple[Value, ...] = ()
    contract: str = ""

    @property
    def name(self) -> str:
        return self.node.name


class Bound(Value, msgspec.Struct, frozen=True, eq=False):
    """A method with its receiver; the function is a `Function` or, for a library's method, its name."""

    function: Function | str
    receiver: Value
    place: Place | None = None


class Partial(Value, msgspec.Struct, frozen=True, eq=False):
    """``functools.partial(function, *args, **keywords)``."""

    function: Value
    args: tuple[Value, ...]
    keywords: dict[str, Value]


class Super(Value, msgspec.Struct, frozen=True, eq=False):
    """``super()``: attribute look-ups on `receiver` start after `after` in its class's mro."""

    receiver: Value
    after: Class


class Instance(Value, msgspec.Struct, eq=False):
    """An object of a project class. `made` is the place of its construction; `escaped` in `meta` once its state is no
    longer known."""

    cls: Class
    attrs: dict[str, Value]
    made: Place | None = None
    meta: dict[str, Any] = msgspec.field(default_factory=dict)


class Object(Value, msgspec.Struct, frozen=True, eq=False):
    """An object of a library class that a contract describes: a layer, loss, transform, optimizer, dataset, loader…

    `kind` is the kind of its contract, `name` its canonical name, `arguments` the bound constructor arguments by
    parameter name, defaults included; `attrs` its mutable state (children of a container under ``"children"``,
    attributes that the program set).
    """

    kind: str
    name: str
    arguments: dict[str, Value]
    attrs: dict[str, Any]
    made: Place | None = None

    @property
    def short(self) -> str:
        """The last component of the name: ``Conv2d``; of ``BertModel.from_pretrained``, the class."""
        parts = self.name.rsplit(".", 2)
        return parts[-2] if parts[-1].startswith("from_") and len(parts) > 2 else parts[-1]


class Filled(Value, msgspec.Struct, frozen=True, eq=False):
    """What the program filled a layer's weight or bias with: a number, None if it is not one; `place` is the call, and
    `sure` says that it is always made, and on this layer."""

    number: float | None
    place: Place
    sure: bool


class Meaning(msgspec.Struct, frozen=True):
    """What a tensor's numbers stand for.

    kind is one of: ``logits`` (output of an affine layer, no activation since), ``activation`` (a hidden
    activation), ``probability`` (a sigmoid's), ``distribution`` (a softmax's), ``log-distribution``,
    ``log-probability``, ``binary`` (only 0 and 1), ``class-index``, ``image``, ``noise`` (random draws), ``loss``,
    ``standardized`` (mean 0 and unit variance in every column), ``mask`` (labels of pixels, which transforms of
    version 2 know as such). `dim` is the dimension a distribution sums over;
    `classes` bounds class indices. For an image: `scale` is ``unit`` ([0, 1]), ``byte`` ([0, 255]) or ``none``;
    `normalized` says that statistics were taken off; `layout` is ``CHW`` or ``HWC``; `mode` is ``RGB``, ``BGR``,
    ``L``.
    """

    kind: str
    dim: int | None = None
    classes: int | None = None
    scale: str = ""
    normalized: bool = False
    layout: str = ""
    mode: str = ""


class Weights(msgspec.Struct, frozen=True):
    """Trained weights: the `words` that ask for them (``weights='DEFAULT'``), empty if there are none, the `model` that
    they belong to, and what was taken off the images that they were trained on (`mean`) and what those were divided by
    (`std`), in channels from 0 to 1; empty if that is not known."""

    words: str
    model: str
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


class Run(msgspec.Struct, frozen=True, eq=False):
    """A call of a model: which (`model`, an `Instance` or `Object`), where, and on what.

    `image` is the image tensor as it reached the model's first convolution or a known architecture, if one did,
    `channels` how many channels that architecture takes, and `weights` the trained weights that it has;
    `outputs` are the tensors that it returned; `keywords` the inputs that are given by name; `number` that of the
    outermost call that it is, or is in;
    `name` what to call the model; `training` whether it was in training mode, if that is known; `graded` whether
    gradients were recorded; `filled` whether the weights were certainly loaded from elsewhere before.
    """

    model: Value
    name: str
    place: Place
    inputs: tuple[Value, ...]
    image: Tensor | None = None
    weights: Weights | None = None
    training: bool | None = None
    graded: bool = True
    channels: int | None = None
    filled: bool = False
    outputs: list[Output] = msgspec.field(default_factory=list)
    keywords: Mapping[str, Value] = msgspec.field(default_factory=dict)
    number: int = 0

    def output(self, tensor: Tensor) -> Output | None:
        """The outermost call that returned this tensor as it is, this one or one around it; None if none did."""
        known: list[Output] = self.outputs[::-1]
        for one in known:
            if one.tensor is tensor:
                return one
        via = tensor.via
        if via is None or isinstance(via, Several):
            return None
        return next((one for one in known if one.tensor.via is via), None)


class Output(NamedTuple):
    """A tensor that a call of a model returned, and where it is in what was returned: indices and keys, outermost
    first, none where it is all of that."""

    tensor: Tensor
    run: Run
    part: tuple[Any, ...]


class Tensor(Value, msgspec.Struct, frozen=True, eq=False):
    """A tensor (or numpy array, PIL image or packed sequences: `holder`), by what is known of it.

    None is unknown throughout.

    dtype: ``float32``, ``float``, ``int64``, ``uint8``, ``bool``, … (``float`` is a float of unknown width).
    grad: ``attached`` (depends on parameters), ``detached``, or None.
    run: the call of the model whose output this is, kept through views, activations and arithmetic.
    via: the operation that gave it, None where results of different operations were joined.
    last: the size of the last dimension where `shape` is not known, as that of a linear layer's output always is.
    """

    range: Interval | None = None
    meaning: Meaning | None = None
    dtype: str | None = None
    shape: Shape = None
    grad: str | None = None
    trail: Trail | None = None
    run: Run | None = None
    holder: str = "tensor"
    via: Via | None = None
    last: Dim = None

    def with_(self, **changes: Any) -> Tensor:
        """A copy with some facts replaced; another shape has another last dimension."""
        if "shape" in changes and self.last is not None:
            changes.setdefault("last", None)
        return replace(self, **changes)

    @property
    def width(self) -> Dim:
        """The size of the last dimension, if that much is known; None for a tensor without dimensions."""
        return self.last if self.shape is None else self.shape[-1] if self.shape else None


class Alternatives(Value, msgspec.Struct, frozen=True):
    """One of several values, each under its guard."""

    options: tuple[tuple[Guard, Value], ...]
