"""What is known of a value, as an editor shows it beside the expression that has it.

Definitions
    known   one line a value: what it is, its range, what it stands for, and the operation that gave it
    steps   the places that the value came through, oldest first

Worked example: the output of ``self.conv2(x)`` in row 12 of ``model.py`` is ``float32[B, 1, 124, 124] · range (−∞, ∞)
· logits · from self.conv2 (model.py:12)``; `Known` holds the first three, and the place of the call.

What is not known is left out, and a value of which nothing is known has no line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from torchlint.facts.base import trail
from torchlint.facts.pixels import history
from torchlint.flow.describe import describe
from torchlint.flow.recording import Recorder
from torchlint.flow.shape import Dim, Shape
from torchlint.flow.spell import spell_guard
from torchlint.flow.values import (
    Alternatives,
    Bound,
    Const,
    Dict,
    Instance,
    Library,
    List,
    Meaning,
    Namespace,
    Number,
    Object,
    Place,
    Tensor,
    Tuple,
    Unknown,
    Value,
)

#: Lines of one expression, steps of one value, and settings of one object.
MOST_LINES, MOST_STEPS, MOST_SETTINGS = 4, 40, 6

HOLDERS = {"numpy": "array", "pil": "image"}


class Known(msgspec.Struct, frozen=True):
    """What is known of one value: see the module's definitions. shape, range: for a hint beside a name; empty where
    not known. origin: where the operation is that gave it, and how it is called if nobody can read that there; when:
    the tests under which it is so, in words."""

    text: str
    shape: str = ""
    range: str = ""
    origin: Place | None = None
    name: str = ""
    when: str = ""
    steps: tuple[Place, ...] = ()


def known(values: Sequence[Value]) -> list[Known]:
    """What is known of the values of one expression, each thing once."""
    found: dict[tuple[str, Place | None, str], Known] = {}
    for value in values:
        for one in _of(value, ""):
            found.setdefault((one.text, one.origin, one.when), one)
    return list(found.values())[:MOST_LINES]


class KnownValues(msgspec.Struct):
    """What is known of the expressions of one file by their numbers, and of the parameters of its functions by the
    number of the function and the name."""

    expressions: dict[int, list[Known]] = {}
    parameters: dict[tuple[int, str], list[Known]] = {}


def everything_known(recorder: Recorder, path: str) -> KnownValues:
    """What was recorded of a file, in words."""
    words: dict[tuple[int, ...], list[Known]] = {}  # most expressions share their values with others

    def of(values: Sequence[Value]) -> list[Known]:
        key = tuple(map(id, values))
        if key not in words:
            words[key] = known(values)
        return words[key]

    return KnownValues(
        {number: said for number, values in recorder.values[path].items() if (said := of(values))},
        {key: said for key, values in recorder.parameters[path].items() if (said := of(values))},
    )


def _of(value: Value, when: str) -> Iterator[Known]:
    if isinstance(value, Alternatives):
        for guard, option in value.options:
            words = spell_guard(guard)
            yield from _of(option, f"{when} and {words}" if when and words else when or words)
    elif isinstance(value, Tensor):
        via = value.via
        yield Known(
            tensor_words(value),
            shape_words(value.shape) if value.shape is not None else "",
            _range(value),
            None if via is None else via.place,
            "" if via is None else via.text or via.op,
            when,
            _steps(value),
        )
    elif not isinstance(value, (Unknown, Namespace)):
        text = _other(value)
        if text:
            yield Known(text, when=when)


def tensor_words(t: Tensor) -> str:
    """All that is known of a tensor, in one line."""
    kind = HOLDERS.get(t.holder, t.holder)
    shape = shape_words(t.shape) if t.shape is not None else f"[…, {_dim(t.last)}]" if t.last is not None else ""
    if shape and t.dtype and kind == "tensor":
        head = f"{t.dtype}{shape}"
    else:
        head = f"{t.dtype} {kind}{shape}" if t.dtype else f"{kind}{shape}"
    parts = [head]
    if t.range is not None:
        parts.append(f"range {_range(t)}")
    if t.meaning is not None:
        parts.append(meaning_words(t.meaning))
    if t.grad == "detached" and t.run is not None:
        parts.append("detached")
    return " · ".join(parts)


def shape_words(shape: Shape) -> str:
    """A shape as torch writes sizes: ``[B, 3, 224, 224]``, with ``?`` for a size that is not known."""
    return "[" + ", ".join(_dim(dim) for dim in shape or ()) + "]"


def _dim(dim: Dim) -> str:
    if dim is None:
        return "?"
    return str(dim)


def _range(t: Tensor) -> str:
    found = t.range
    if found is None:
        return ""
    if found.unbounded:
        return "(−∞, ∞)"
    words = str(found)
    if found.low == float("-inf"):
        words = f"({words[1:]}"
    if found.high == float("inf"):
        words = f"{words[:-1]})"
    return words if found.tight else f"within {words}"


_MEANINGS = {
    "logits": "logits", "activation": "activations", "probability": "probabilities",
    "log-distribution": "log-probabilities", "log-probability": "log-probabilities", "binary": "only 0 and 1",
    "noise": "noise", "loss": "loss", "standardized": "standardised columns", "mask": "mask",
}  # fmt: skip


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


def _other(value: Value) -> str:
    """A value that is no tensor; empty where a line would help nobody."""
    if isinstance(value, Number) and value.dim is None and value.interval is None:
        return ""
    if isinstance(value, (List, Tuple, Dict)):
        return describe(value) if _says_something(value) else ""
    if isinstance(value, Const):
        return f"{type(value.value).__name__} {value.value!r}" if value.value is not None else ""
    if isinstance(value, Object):
        settings = [
            f"{name}={one.value!r}"
            for name, one in value.arguments.items()
            if isinstance(one, Const) and one.value is not None and one.value is not False
        ]
        return f"{value.short}({', '.join(settings[:MOST_SETTINGS])}{', …' if len(settings) > MOST_SETTINGS else ''})"
    if isinstance(value, Instance):
        return f"{value.cls.name} object"
    if isinstance(value, (Library, Bound)):
        return ""
    text = describe(value)
    return "" if text == "unknown" else text


def _says_something(value: Value, depth: int = 0) -> bool:
    """Whether a container holds anything of which something is known."""
    if depth > 2:
        return False
    if isinstance(value, Dict):
        return any(_says_something(item, depth + 1) for item in value.items.values())
    if isinstance(value, List):
        items: Sequence[Value] = value.items if value.items is not None else [value.element]
        return any(_says_something(item, depth + 1) for item in items)
    if isinstance(value, Tuple):
        return any(_says_something(item, depth + 1) for item in value.items)
    return not isinstance(value, (Unknown, Library, Namespace))


def _steps(t: Tensor) -> tuple[Place, ...]:
    places = [step.at for step in history(t)] or [step.place for step in trail(t)]
    return tuple(dict.fromkeys(places))[-MOST_STEPS:]
