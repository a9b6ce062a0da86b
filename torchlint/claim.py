"""What a run could decide of a finding, and what it decided: plain data that outlives the analysis and pickles.

Definitions
    claim    a statement about a program that a run can confirm or refute: a check, and the computation it is about
    step     one node of that computation; steps name earlier ones by their index
    place    where a step stands in the source; steps name places by their index, too
    verdict  what a run says of a claim, with its grade and its evidence

Worked example: ``loss = nn.BCELoss()(net(x), y)`` makes the claim ``OutsideRange(value=2, low=0, high=1)`` over the
steps ``Model(Net)``, ``Data(float32[B, 3, 32, 32] in [0, 1])``, ``Called(0, (1,))``. A run builds ``Net``, draws such
data, and looks whether the output leaves [0, 1].

**Invariant:** nothing here holds a tree, a rule or a path object. A verdict's `message` may hold text of the program
under test; everything else is numbers and words of closed sets.
"""

from __future__ import annotations

import enum
from typing import TypeAlias, Union

import msgspec

from torchlint.source.span import Span

Scalar: TypeAlias = Union[bool, int, float, str, None]

# --- the computation ---------------------------------------------------------------------------------------------


class Data(msgspec.Struct, frozen=True, tag="data"):
    """A value that no model gave. None is unknown throughout.

    shape: sizes; a string names a size that is the same wherever the name is met, or is a sum of such (``2*H-4``).
    low, high: the ends of its range,
    None too where it has no end; reached: whether both are reached. kind: the meaning of its numbers, in the words of
    `torchlint.flow.values.Meaning`, empty if not known; classes: how many class ids there are. holder: ``tensor``,
    ``numpy``, ``pil``, ``packed``, ``number``. mode, layout: of a picture, as in `Meaning`: ``RGB``, ``L``; ``HWC``.
    """

    shape: tuple[int | str | None, ...] | None = None
    dtype: str | None = None
    low: float | None = None
    high: float | None = None
    reached: bool = False
    kind: str = ""
    classes: int | None = None
    holder: str = "tensor"
    mode: str = ""
    layout: str = ""


class Model(msgspec.Struct, frozen=True, tag="model"):
    """A model as it is constructed.

    name: what the program calls its class; owner, cls: the file and the name of that class, empty for a library's;
    made: the place of its construction; arguments: what is known of the arguments of its construction, by name;
    complete: whether that is all of them. training: whether it is in training mode, None if that is not known.
    """

    name: str
    owner: str = ""
    cls: str = ""
    made: int | None = None
    arguments: dict[str, Scalar | list[Scalar]] = {}
    complete: bool = False
    training: bool | None = None


class Called(msgspec.Struct, frozen=True, tag="called"):
    """A call of the model that is step `model` on the steps `inputs`, and those that are given by name, `keywords`.

    part: which of the things that it returns, as indices and keys, the outermost first.
    """

    model: int
    inputs: tuple[int, ...]
    place: int
    part: tuple[int | str, ...] = ()
    keywords: dict[str, int] = {}


class Op(msgspec.Struct, frozen=True, tag="op"):
    """An operation of a library, as torch names it, on steps by the names of its parameters.

    op: ``mul`` for ``*``, ``getitem`` for a subscript, a contract's word for a transform (``to_tensor``); under the
    name ``*`` stand further positional arguments, and those of a PIL image's method by their number. made: the place
    where the layer or transform that did it was constructed, None for a function or an operator. library: the full name
    of what was called (``torch.nn.functional.relu``), empty for operators and attributes. part: which of several
    results it is.
    """

    op: str
    arguments: dict[str, int]
    place: int
    made: int | None = None
    library: str = ""
    part: tuple[int, ...] = ()


class Judged(msgspec.Struct, frozen=True, tag="judged"):
    """What a loss gives on the steps `input` and `target`."""

    loss: Loss
    input: int
    target: int
    place: int


class Value(msgspec.Struct, frozen=True, tag="value"):
    """A constant."""

    value: Scalar


class Name(msgspec.Struct, frozen=True, tag="name"):
    """Something of a library, or of Python, by its full name: ``torch.float32``, ``Ellipsis``."""

    name: str


class Size(msgspec.Struct, frozen=True, tag="size"):
    """A whole number that is a size, as in `Data.shape`."""

    size: int | str


class Items(msgspec.Struct, frozen=True, tag="items"):
    """A tuple or list of steps."""

    items: tuple[int, ...]


class Entries(msgspec.Struct, frozen=True, tag="entries"):
    """A dict of steps."""

    items: dict[str, int]


class Slice(msgspec.Struct, frozen=True, tag="slice"):
    """``lower:upper:step``, each a step, which is the value None where there is none."""

    lower: int
    upper: int
    step: int


class Unknown(msgspec.Struct, frozen=True, tag="unknown"):
    """Something that is not known; `reason` is why, in a few words."""

    reason: str = ""


Step: TypeAlias = Union[Data, Model, Called, Op, Judged, Value, Name, Size, Items, Entries, Slice, Unknown]


class Loss(msgspec.Struct, frozen=True):
    """A loss as it is called: its short name in torch (``BCELoss``, ``cross_entropy``), and its other settings, those
    of its construction included; `made`: the place of its construction or call, None if not known. known: whether every
    setting is."""

    name: str
    settings: dict[str, Scalar]
    made: int | None = None
    known: bool = True


# --- checks ------------------------------------------------------------------------------------------------------


class OutsideRange(msgspec.Struct, frozen=True, tag="outside-range"):
    """The step `value` takes values outside [low, high]; None is no end."""

    value: int
    low: float | None = None
    high: float | None = None


class WithinRange(msgspec.Struct, frozen=True, tag="within-range"):
    """Every value of the step `value` lies in [low, high], whatever the weights are; None is no end."""

    value: int
    low: float | None = None
    high: float | None = None


class Normalised(msgspec.Struct, frozen=True, tag="normalised"):
    """The step `value` sums to 1 over a dimension (``softmax``), or its exponentials do (``log_softmax``).

    dim: that dimension, None for whichever it is.
    """

    value: int
    log: bool = False
    dim: int | None = None


class Unnormalised(msgspec.Struct, frozen=True, tag="unnormalised"):
    """The step `value` sums to something else than 1 along the dimension `dim`, or its exponentials do (`log`)."""

    value: int
    dim: int
    log: bool = False


class SizeIsOne(msgspec.Struct, frozen=True, tag="size-is-one"):
    """The step `value` has size 1 along the dimension `dim`."""

    value: int
    dim: int


class SingleNumber(msgspec.Struct, frozen=True, tag="single-number"):
    """The step `value` is one number, with no dimension for samples."""

    value: int


class LossFails(msgspec.Struct, frozen=True, tag="loss-fails"):
    """The loss raises an exception on the steps `input` and `target`, or warns that they broadcast.

    about: what of the two is wrong: ``shape``, ``dtype``, ``range`` or ``classes``.
    """

    loss: Loss
    input: int
    target: int
    about: str


class Constant(msgspec.Struct, frozen=True, tag="constant"):
    """The step `value` is the same number whatever the weights and the inputs are; of the loss, if there is one."""

    value: int
    loss: Loss | None = None
    target: int | None = None


class NoGradient(msgspec.Struct, frozen=True, tag="no-gradient"):
    """No gradient reaches a parameter from the step `value`, or one that is zero wherever there is one."""

    value: int


class SamplesMix(msgspec.Struct, frozen=True, tag="samples-mix"):
    """The first sample of the step `value` depends on other samples of the batch.

    source: the step that holds the batch, along its dimension `dim`; None for whatever data the value depends on.
    """

    value: int
    source: int | None = None
    dim: int = 0


class ShapesFail(msgspec.Struct, frozen=True, tag="shapes-fail"):
    """The model raises an exception about shapes at the place `at`, or computing the step `value` does."""

    value: int
    at: int | None = None


class Wraps(msgspec.Struct, frozen=True, tag="wraps"):
    """Making bytes of the step `value` multiplied by `scale` wraps around."""

    value: int
    scale: float = 255.0


class NewValues(msgspec.Struct, frozen=True, tag="new-values"):
    """The step `value` holds numbers that lie between two of the step `source` and that `source` does not hold."""

    value: int
    source: int


class PixelsDiffer(msgspec.Struct, frozen=True, tag="pixels-differ"):
    """In the middle of a picture of one colour stand other numbers in the step `value` than in the step `other`.

    Both go back to pictures, and are given the same one: of every colour, black and white.
    """

    value: int
    other: int


class AxesMixed(msgspec.Struct, frozen=True, tag="axes-mixed"):
    """The step `value` has the sizes of the step `source` in another order, and no permutation of its axes gives it."""

    value: int
    source: int


class GradientsAdd(msgspec.Struct, frozen=True, tag="gradients-add"):
    """The step of a training iteration uses gradients that an earlier iteration left.

    events: what an iteration does, in order: ``zero_grad``, ``backward``, ``step``.
    """

    events: tuple[str, ...]
    value: int | None = None


class GradientRatio(msgspec.Struct, frozen=True, tag="gradient-ratio"):
    """Gradients vanish or explode between the last layer of the model that is step `model` and its first."""

    model: int


class TrainEvalDiffers(msgspec.Struct, frozen=True, tag="train-eval-differs"):
    """The model of the call that is step `value` gives in evaluation mode another output each time it is called."""

    value: int


class SingleValue(msgspec.Struct, frozen=True, tag="single-value"):
    """In training mode the model of the call that is step `value` takes statistics over one value if it is given one
    sample, which torch refuses."""

    value: int


class Unregistered(msgspec.Struct, frozen=True, tag="unregistered"):
    """Of the model that is step `model`, attributes of these `names` hold parameters that are none of the model's."""

    model: int
    names: tuple[str, ...]


class NonFinite(msgspec.Struct, frozen=True, tag="non-finite"):
    """The step `value` or its gradient takes values that are infinite or not a number."""

    value: int
    gradient: bool = False


Check: TypeAlias = Union[
    OutsideRange,
    WithinRange,
    Normalised,
    Unnormalised,
    SizeIsOne,
    SingleNumber,
    LossFails,
    Constant,
    NoGradient,
    SamplesMix,
    ShapesFail,
    Wraps,
    NewValues,
    PixelsDiffer,
    AxesMixed,
    GradientsAdd,
    GradientRatio,
    TrainEvalDiffers,
    SingleValue,
    Unregistered,
    NonFinite,
]


class Claim(msgspec.Struct, frozen=True):
    """What a run can decide: `check`, over `steps`; `places` are where they stand.

    at: the place of the expression that the finding is about, None if it has none. under: the tests of the program
    under which it is made, in words (``--loss == 'bce'``), empty for none: what a run sees where they decide otherwise
    says nothing of it.
    """

    check: Check
    steps: tuple[Step, ...] = ()
    places: tuple[Span, ...] = ()
    at: int | None = None
    under: str = ""


# --- verdicts ----------------------------------------------------------------------------------------------------


class Outcome(enum.Enum):
    """What a run says of a claim."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


class Grade(enum.Enum):
    """How far the evidence goes, the farthest first.

    PROOF holds for all weights on the executed path; EXHAUSTIVE for all sizes that were tried, which are all up to a
    bound; WITNESS is one run with the program's own initialisation and inputs in their range; SCALED one with the
    last layer scaled; MEASURED a number that was measured over several seeds.
    """

    PROOF = "proof"
    EXHAUSTIVE = "exhaustive"
    WITNESS = "witness"
    SCALED = "scaled witness"
    MEASURED = "measured"
    NONE = "none"


class Reason(enum.Enum):
    """Why a verdict is what it is; `torchlint.confirm.render` has the words for each."""

    OUTSIDE = "outside"
    INSIDE = "inside"
    BOUNDED = "bounded"
    STAYED = "stayed"
    NORMALISED = "normalised"
    NOT_NORMALISED = "not-normalised"
    RAISED = "raised"
    BROADCAST = "broadcast"
    RAN = "ran"
    CONSTANT = "constant"
    VARIES = "varies"
    UNREACHED = "unreached"
    REACHED = "reached"
    MIXED = "mixed"
    SEPARATE = "separate"
    WRAPPED = "wrapped"
    MEASURED_INSIDE = "measured-inside"
    NEW_VALUES = "new-values"
    NO_NEW_VALUES = "no-new-values"
    PIXELS_DIFFER = "pixels-differ"
    PIXELS_SAME = "pixels-same"
    AXES_MIXED = "axes-mixed"
    AXES_KEPT = "axes-kept"
    SIZE_ONE = "size-one"
    SIZE_MORE = "size-more"
    ONE_NUMBER = "one-number"
    MORE_NUMBERS = "more-numbers"
    ADDED = "added"
    CLEARED = "cleared"
    VANISHING = "vanishing"
    EXPLODING = "exploding"
    STEADY = "steady"
    DIFFERS = "differs"
    SAME = "same"
    UNREGISTERED = "unregistered"
    REGISTERED = "registered"
    NON_FINITE = "non-finite"
    FINITE = "finite"
    # why nothing was decided
    NO_MODEL = "no-model"
    NOT_BUILT = "not-built"
    ARGUMENT = "argument"
    PACKAGE = "package"
    DOWNLOAD = "download"
    LOAD = "load"
    CONSTRUCTOR = "constructor"
    NO_INPUT = "no-input"
    GUESSED = "guessed"
    FORWARD = "forward"
    UNKNOWN_STEP = "unknown-step"
    BUDGET = "budget"
    MEMORY = "memory"
    CRASHED = "crashed"
    BAD_ANSWER = "bad-answer"
    UNSUPPORTED = "unsupported"


class Verdict(msgspec.Struct, frozen=True):
    """What a run says of a claim.

    numbers: the evidence, by names that `torchlint.confirm.render` knows; shape: of the value that was looked at;
    recipe: how the model was made, as the program spells it; guessed: what had to be guessed for that; inputs: what it
    was given, one text each; operation: the last operation, as torch names it; torch: its version; isolation: the
    level in force. text: all that in words. message: an exception's own text, which is the linted program's.
    """

    outcome: Outcome
    grade: Grade
    reason: Reason
    numbers: dict[str, float] = {}
    shape: tuple[int, ...] = ()
    recipe: str = ""
    guessed: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    operation: str = ""
    torch: str = ""
    isolation: str = ""
    text: str = ""
    message: str = ""
