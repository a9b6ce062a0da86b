"""A loss meets an output and a target."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from torchlint.facts.base import Fact, TrailStep, trail
from torchlint.facts.computation import parts
from torchlint.facts.endings import Ending
from torchlint.facts.fit import Form, Misfit, class_count, misfit
from torchlint.facts.pixels import history
from torchlint.facts.tails import Tail, tail
from torchlint.flow.library.dtypes import category
from torchlint.flow.values import Place, Tensor

#: Families of losses that measure an overlap, and the weight of a focal loss that a program writes out.
REGIONS = frozenset(
    {
        "region", "focal-weight", "dice", "jaccard", "tversky", "lovasz", "mcc", "dice-cross-entropy", "dice-focal",
    }
)  # fmt: skip

#: A longer target is not written out again where a sentence says what to make of it.
LONGEST = 40


class LossCalled(Fact, frozen=True):
    """A loss is called, as a module or a function, wherever it was made: a library's, or one that has a contract.

    loss: its short name as the program has it (``BCELoss``, ``binary_cross_entropy``).
    family: one name for the module and the function: ``bce``, ``bce-with-logits``, ``cross-entropy``, ``nll``,
        ``mse``, ``l1``, ``smooth-l1``, ``kl-div``, …; a contract of the project may have a word of its own.
    input, target: what it is given; None where nothing at all is known.
    input_text, target_text: those arguments as the program spells them.
    takes: what the loss wants its input to be: ``probability``, ``logits``, ``log-probability``, ``value``,
        ``distance`` or ``unknown``. applies: the activation that it applies itself, ``sigmoid``, ``softmax`` or ``""``.
        wants: what it wants its target to be: ``binary``, ``class-index``, ``probability``, ``distribution``, ….
    spelled_at: where the name of the loss stands (``nn.BCELoss``), None if that cannot be said; input_at, target_at:
        where those arguments stand.
    written_at: where a loss is complete that the program writes out by itself; `loss` then says in words what it is,
        and `place` is the call of the function that holds it, if that was passed the prediction.
    alone: whether every call of a loss that is made where this one is made is given a value of the same meaning, so
        that it may be replaced by another loss. settled: whether every loss that is called in this place takes the
        same and is given a value of the same meaning, so that its argument may be changed.
    read_as_probability: whether values of the same last layer are thresholded, rounded, shown, exponentiated or
        given to another kind of loss on probabilities somewhere as they are.
    ending: the operation that the input ends in, if it serves losses that take the same and nothing else.
    settings: the other arguments whose value is known, such as ``reduction`` or ``log_target``, those of its
        construction and defaults included.
    undecided: the names of the other arguments that are given and whose value is not known.
    configured_at: the call in which settings stand or could stand: the construction of a loss, the call of a function;
        settings_at: where the values of those that are written there stand.
    rescaled: whether the program multiplies or divides the result by a size. autocast: whether it is called under
        autocast, where torch refuses losses on probabilities.
    form: what the loss wants of its target's dtype and shape.
    trained: whether a backward pass is known to go through it.
    data_given: whether the input, of which little else is known, comes with the data and from no model.
    taught: whether it is known from a contract of the project, so that its name says nothing.
    caught: whether the program waits for an error of torch there, and goes on after it.
    """

    loss: str
    family: str
    input: Tensor | None
    target: Tensor | None
    input_text: str
    target_text: str
    takes: str = "unknown"
    applies: str = ""
    wants: str = ""
    spelled_at: Place | None = None
    input_at: Place | None = None
    target_at: Place | None = None
    written_at: Place | None = None
    alone: bool = False
    settled: bool = False
    read_as_probability: bool = False
    settings: Mapping[str, str | float | bool | None] = msgspec.field(default_factory=dict)
    undecided: frozenset[str] = frozenset()
    configured_at: Place | None = None
    settings_at: Mapping[str, Place] = msgspec.field(default_factory=dict)
    rescaled: bool = False
    autocast: bool = False
    ending: Ending | None = None
    form: Form = msgspec.field(default_factory=Form)
    trained: bool = False
    data_given: bool = False
    taught: bool = False
    caught: bool = False

    @property
    def turned(self) -> bool:
        """Whether the input is a batch's labels, or other data, and the target what a model gave."""
        if self.target is None or not _model_output(self.target):
            return False
        return _labels(self.input) or (self.data_given and self.target.grad == "attached")

    @property
    def known_name(self) -> str:
        """The short name of a loss that torchlint itself knows; empty for one of the project's contracts."""
        return "" if self.taught else self.loss

    @property
    def region(self) -> bool:
        """Whether the loss measures an overlap of regions, or is the weight of a focal loss."""
        return self.family.removesuffix("-on-probabilities") in REGIONS

    @property
    def title(self) -> str:
        """What to call the loss in a sentence: "`BCELoss`", or "this binary cross-entropy, written out by hand,"."""
        return f"the {self.loss}, written out by hand," if self.written_at is not None else f"`{self.loss}`"

    @property
    def trail(self) -> tuple[TrailStep, ...]:
        """The way of the input, and where it ends in a loss that is written out by hand."""
        end = (TrailStep(self.written_at, f"{self.loss}"),) if self.written_at not in (None, self.place) else ()
        return trail(self.input) + end

    @property
    def given_text(self) -> str:
        """What to call the input in a sentence."""
        return f"`{self.input_text}`" if self.input_text else "its input"

    @property
    def wanted_text(self) -> str:
        """What to call the target in a sentence."""
        return f"`{self.target_text}`" if self.target_text else "the target"

    def changed_text(self, call: str) -> str:
        """The target with a method call behind it, as a person would write it: ``(mask > 0).float()``."""
        text = self.target_text
        if not text or len(text) > LONGEST or "…" in text:
            return f"target{call}"
        depth, plain = 0, text[0].isalpha() or text[0] == "_"
        for letter in text:
            depth += (letter in "([{") - (letter in ")]}")
            plain = plain and (depth > 0 or letter.isalnum() or letter in "_.)]")
        return f"{text}{call}" if plain else f"({text}){call}"

    @property
    def misfit(self) -> Misfit | None:
        """What is wrong with the shapes of input and target; None if they fit, or may, or are exchanged."""
        return None if self.turned else misfit(self.input, self.target, self.form)

    @property
    def tail(self) -> tuple[Tail, ...]:
        """What stands between the last layer and the loss, oldest first; empty if that is not known."""
        return tail(self.input)

    @property
    def classes(self) -> int | None:
        """How many classes a loss on class ids takes its input to have; None if it takes none, or it is not known."""
        return class_count(self.input, self.target) if self.form.per_class and not self.turned else None

    @property
    def fed(self) -> tuple[Tensor, ...]:
        """The tensors that the model was given whose output the loss judges; where no model is known, that output."""
        if self.input is None or self.input.run is None:
            return () if self.input is None else (self.input,)
        given = self.input.run.inputs
        return tuple(part for value in given for part in parts(value) if isinstance(part, Tensor))

    @property
    def many_ids(self) -> bool:
        """Whether the target holds class ids for certain, of more than two classes: as numbers, or as `one_hot` makes
        rows of them."""
        steps = history(self.target)
        counts = [step.setting("num_classes") for step in steps if step.does == "one_hot"]
        if any(isinstance(count, int) and count > 2 for count in counts):
            return True
        by_ids = self.wants == "class-index" or self.settings.get("mode") == "multiclass"
        makes_rows = self.settings.get("to_onehot_y") is True
        if self.target is None or self.turned or not (by_ids or makes_rows):
            return False
        if category(self.target.dtype) != 1 and not makes_rows:
            return False
        shape = self.input.shape if self.input is not None else None
        classes = shape[1] if shape is not None and len(shape) > 1 else None
        if isinstance(classes, int):
            return classes > 2
        read = [step.after.meaning for step in steps if step.does == "dataset" and step.after is not None]
        return any(meaning is not None and meaning.kind == "class-index" for meaning in read)


#: What a model's last layers give.
OUTPUTS = frozenset({"logits", "activation", "probability", "distribution", "log-distribution", "log-probability"})


def _labels(tensor: Tensor | None) -> bool:
    """Whether a tensor is labels for certain: class ids, or zeros and ones that no model gave."""
    if tensor is None or tensor.grad == "attached":
        return False
    kind = tensor.meaning.kind if tensor.meaning is not None else ""
    constant = tensor.range is not None and tensor.range.low == tensor.range.high and kind == "binary"
    if tensor.run is not None:
        return constant
    return constant or kind in ("binary", "class-index") or (tensor.dtype or "").startswith(("int", "uint", "bool"))


def _model_output(tensor: Tensor | None) -> bool:
    """Whether a tensor is what a model gave for certain, with its gradient if it has one."""
    if tensor is None or tensor.meaning is None or tensor.meaning.kind not in OUTPUTS:
        return False
    return tensor.run is not None or tensor.grad == "attached"


class LossWeighted(Fact, frozen=True):
    """A loss that was already reduced to one number is treated as if it were one number for each sample.

    loss: the number; name: the loss that gave it, its class or function, empty if that is not known; reduction: how it
    was reduced. how: ``weights``, it is multiplied by weights of the samples; ``focal``, by the weight of a focal loss,
    which was computed from the number itself; ``mask``, a mask picks between it and something else; ``rank``, the
    largest of its values are looked for. weights: the weights or the mask, None if nothing is known of them.
    configured_at, settings_at: as in `LossCalled`. settled: whether every loss that is configured there is treated so,
    and is reduced again before it is trained.
    """

    loss: Tensor
    name: str
    reduction: str
    how: str
    weights: Tensor | None
    configured_at: Place | None
    settings_at: Mapping[str, Place]
    settled: bool
