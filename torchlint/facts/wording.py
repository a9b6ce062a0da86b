"""Abstract values in the words of those who write PyTorch: for an editor that shows them beside the code.

Definitions
    tensor  ``float32[B, 3, 224, 224] · range [0, 1] · RGB image CHW, scale [0, 1]``: dtype and shape, range, meaning
    call    how an object was made: ``Conv2d(16, 1, kernel_size=3)``, without what it has by default

What is not known is left out, and a value of which nothing is known has no words. (`torchlint.flow.describe` says all
that there is, for those who look into torchlint itself.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torchlint.flow.interval import Interval
from torchlint.flow.library import tables
from torchlint.flow.library.contracts import Contracts
from torchlint.flow.shape import Dim, Shape
from torchlint.flow.values import (
    Alternatives,
    Bound,
    Class,
    Const,
    Dict,
    Function,
    Instance,
    Library,
    List,
    Meaning,
    Namespace,
    Number,
    Object,
    Partial,
    Tensor,
    Text,
    Tuple,
    Unknown,
    Value,
)

SEPARATOR = " · "

#: Arguments of a call and items of a container that are shown, and how deep.
MOST_ITEMS, DEEPEST = 6, 4

#: Required arguments that everybody knows by their places.
PLAIN = 2

HOLDERS = {"numpy": "array", "pil": "image"}

_MEANINGS = {
    "logits": "logits", "activation": "activations", "probability": "probabilities",
    "log-distribution": "log-probabilities", "log-probability": "log-probabilities", "binary": "only 0 and 1",
    "noise": "noise", "loss": "loss", "standardized": "standardised columns", "mask": "mask",
}  # fmt: skip
_TAKES = {"probability": "probabilities", "logits": "logits", "log-probability": "log-probabilities"}


# --- tensors ---------------------------------------------------------------------------------------------------------


def tensor_words(t: Tensor) -> str:
    """All that is known of a tensor, in one line."""
    parts = [tensor_head(t)]
    if t.range is not None:
        parts.append(f"range {range_words(t.range)}")
    if t.meaning is not None:
        parts.append(meaning_words(t.meaning))
    if t.grad == "detached" and t.run is not None:
        parts.append("detached")
    return SEPARATOR.join(parts)


def tensor_head(t: Tensor) -> str:
    """Its dtype and shape: ``float32[B, 10]``."""
    kind = HOLDERS.get(t.holder, t.holder)
    shape = shape_words(t.shape) if t.shape is not None else f"[…, {_dim(t.last)}]" if t.last is not None else ""
    if shape and t.dtype and kind == "tensor":
        return f"{t.dtype}{shape}"
    return f"{t.dtype} {kind}{shape}" if t.dtype else f"{kind}{shape}"


def shape_words(shape: Shape) -> str:
    """A shape as torch writes sizes: ``[B, 3, 224, 224]``, with ``?`` for a size that is not known."""
    return "[" + ", ".join(map(_dim, shape or ())) + "]"


def _dim(dim: Dim) -> str:
    return "?" if dim is None else str(dim)


def range_words(found: Interval) -> str:
    """A range: ``(−∞, ∞)``; ``within`` one whose ends may not be reached."""
    words = interval_words(found)
    return words if found.tight or found.unbounded else f"within {words}"


def interval_words(found: Interval) -> str:
    """An interval, open where it has no end."""
    if found.unbounded:
        return "(−∞, ∞)"
    words = str(found)
    if found.low == float("-inf"):
        words = f"({words[1:]}"
    return f"{words[:-1]})" if found.high == float("inf") else words


def meaning_words(meaning: Meaning) -> str:
    """What the numbers of a tensor stand for."""
    if meaning.kind == "class-index":
        return "class indices" if meaning.classes is None else f"class indices below {meaning.classes}"
    over = "" if meaning.dim is None else f" over dim {meaning.dim}"
    if meaning.kind == "distribution":
        return f"distribution{over}"
    if meaning.kind == "image":
        scale = {"unit": "scale [0, 1]", "byte": "scale [0, 255]"}.get(meaning.scale, "")
        words = ["normalised" if meaning.normalized else "", meaning.mode, "image", meaning.layout]
        return " ".join(word for word in words if word) + (f", {scale}" if scale and not meaning.normalized else "")
    return _MEANINGS.get(meaning.kind, meaning.kind) + over


# --- everything else -------------------------------------------------------------------------------------------------


def words(value: Value, contracts: Contracts) -> str:
    """What is known of a value that is no tensor, in one line; empty where a line would help nobody."""
    if isinstance(value, Const):
        return f"{type(value.value).__name__} {value.value!r}" if value.value is not None else ""
    if isinstance(value, Number):
        return number_words(value) if value.dim is not None or value.interval is not None else ""
    if isinstance(value, (List, Tuple, Dict)):
        return inner(value, contracts) if _says_something(value) else ""
    if isinstance(value, Object):
        return SEPARATOR.join((call_words(value, contracts), *_notes(value, contracts)))
    if isinstance(value, Instance):
        return f"{value.cls.name} object"
    if isinstance(value, (Function, Class)):
        return inner(value, contracts)
    if isinstance(value, Partial):
        return f"partial of {inner(value.function, contracts)}"
    return ""


def number_words(value: Number) -> str:
    """A number: ``int B``, ``float in [0, ∞)``, or no more than its kind, ``…`` if not even that is known."""
    if value.dim is not None:
        return f"int {value.dim}"
    if value.interval is None:
        return value.kind or "…"
    return f"{value.kind or 'number'} in {interval_words(value.interval)}"


def inner(value: Value, contracts: Contracts, depth: int = 0) -> str:
    """A value as a part of another, in few words; ``…`` for what is not known, and for what is too deep."""

    def several(values: Iterable[Value]) -> list[str]:
        return [inner(one, contracts, depth + 1) for one in values]

    if isinstance(value, Tensor):
        return tensor_head(value)
    if isinstance(value, Const):
        return repr(value.value)
    if isinstance(value, Number):
        return str(value.dim) if value.dim is not None else number_words(value)
    if isinstance(value, Text):
        return "str"
    if depth > DEEPEST:
        return "…"
    if isinstance(value, Tuple):
        return f"({_listed(several(value.items))}{',' if len(value.items) == 1 else ''})"
    if isinstance(value, List):
        if value.items is None:
            element = inner(value.element, contracts, depth + 1)
            return element if element == "…" else f"{value.kind} of {element}"
        return f"[{_listed(several(value.items))}]"
    if isinstance(value, Dict):
        items = [f"{key!r}: {inner(one, contracts, depth + 1)}" for key, one in value.items.items()]
        return f"{{{_listed([*items, '…'] if value.meta.get('open') else items)}}}"
    if isinstance(value, Object):
        return call_words(value, contracts, depth)
    if isinstance(value, Instance):
        return f"{value.cls.name} object"
    if isinstance(value, Function):
        return f"function {value.name}"
    if isinstance(value, Class):
        return f"class {value.name}"
    if isinstance(value, Library):
        return value.name.rpartition(".")[2]
    if isinstance(value, Alternatives):
        return " | ".join(dict.fromkeys(several(option for _, option in value.options[:MOST_ITEMS])))
    return "…"


def _listed(items: Sequence[str]) -> str:
    return ", ".join([*items[:MOST_ITEMS], "…"] if len(items) > MOST_ITEMS else items)


def call_words(value: Object, contracts: Contracts, depth: int = 0) -> str:
    """How an object was made: what it has by default is left out."""
    row = contracts.lookup(value.name)
    parameters = row.parameters.params if row is not None else ()
    always = row.learning_rate if isinstance(row, tables.Optimizer) else ""
    further = value.arguments.get("*")
    parts = [inner(one, contracts, depth + 1) for one in further.items] if isinstance(further, Tuple) else []
    bare = True
    for index, parameter in enumerate(parameters):
        given = value.arguments.get(parameter.name)
        default = given == parameter.default and parameter.name != always
        if given is None or default or parameter.kind in ("*", "**"):
            bare = False
            continue
        required = parameter.default is None and parameter.kind == "any"
        if isinstance(given, Unknown) and not required:
            bare = False
            continue
        bare = bare and required and index < PLAIN
        said = inner(given, contracts, depth + 1)
        parts.append(said if bare else f"{parameter.name}={said}")
    named = {parameter.name for parameter in parameters}
    for name, given in value.arguments.items():
        if name not in named and not name.startswith("*") and not isinstance(given, Unknown):
            parts.append(f"{name}={inner(given, contracts, depth + 1)}")
    return f"{value.short}({_listed(parts)})"


def _notes(value: Object, contracts: Contracts) -> Iterable[str]:
    """What a loss takes, and what a loader gives."""
    row = contracts.lookup(value.name)
    if isinstance(row, tables.Loss) and not row.mode and row.takes in _TAKES:
        yield f"takes {_TAKES[row.takes]}" + (f", applies {row.applies}" if row.applies else "")
    batch = value.attrs.get("batch")
    if isinstance(batch, Value) and (isinstance(batch, Tensor) or _says_something(batch)):
        yield f"gives {inner(batch, contracts)}"


def _says_something(value: Value, depth: int = 0) -> bool:
    """Whether something is known of a value, or of anything in it."""
    if depth > DEEPEST:
        return False
    if isinstance(value, Dict):
        return any(_says_something(item, depth + 1) for item in value.items.values())
    if isinstance(value, List):
        items: Sequence[Value] = value.items if value.items is not None else [value.element]
        return any(_says_something(item, depth + 1) for item in items)
    if isinstance(value, Tuple):
        return any(_says_something(item, depth + 1) for item in value.items)
    if isinstance(value, Number):
        return value.dim is not None or value.interval is not None
    return not isinstance(value, (Unknown, Library, Namespace, Bound))
