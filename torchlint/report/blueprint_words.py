"""What is known of a model, in words: for the table, the page and the picture, which differ in layout alone.

Definitions
    short name  of a size that takes more room than `LONGEST`: a letter and a number, such as ``H₂``; what each of them
                stands for is said once, beside the layers

**Invariant:** texts of the program pass through `visible`; what shows them as markup escapes them too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from torchlint.architecture import Layer, Model, Output, Sizes
from torchlint.report.model_words import amount, number
from torchlint.report.text import visible

#: Characters of a size that is shown as it is.
LONGEST = 7
_CONTAINERS = ("ModuleList", "ModuleDict", "ParameterList", "ParameterDict")
_SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

#: Sizes and their short names.
Names = Mapping[str, str]


def short_names(model: Model) -> dict[str, str]:
    """The short names of a model's long sizes, in the order in which they are met. A size has the letter of its first
    symbol, or ``n`` where that is long itself."""
    found: dict[str, str] = {}
    counts: dict[str, int] = {}
    taken = {size for shape in _shapes(model) for size in shape or () if isinstance(size, str)}
    for shape in _shapes(model):
        for size in shape or ():
            if not isinstance(size, str) or len(size) <= LONGEST or size in found:
                continue
            letters = re.findall(r"[^\W\d]\w*", size)
            letter = letters[0] if letters and len(letters[0]) == 1 else "n"
            name = ""
            while not name or name in taken:
                counts[letter] = counts.get(letter, 0) + 1
                name = letter + str(counts[letter]).translate(_SUBSCRIPT)
            found[size] = name
    return found


def _shapes(model: Model) -> Iterator[Sizes]:
    for one in (*model.inputs, *model.outputs):
        yield one.shape
    for step in model.steps:
        yield step.shape
    for layer in model.layers:
        yield from (one.shape for one in layer.outputs)


def title(model: Model) -> str:
    """The call that makes the model."""
    return visible(model.call)


def name(layer: Layer) -> str:
    """The dotted name of a layer; the model itself has none."""
    return visible(layer.name) or "(the model)"


def own_name(layer: Layer) -> tuple[int, str]:
    """Inside how many modules a layer is, and its name in the innermost of them."""
    if not layer.name:
        return 0, "(the model)"
    outer, _, inner = layer.name.rpartition(".")
    return outer.count(".") + (2 if outer else 1), visible(inner)


def kind(layer: Layer) -> str:
    """``Conv2d``, and how often it is called."""
    return visible(layer.type) + (f" (called {layer.calls} times)" if layer.calls > 1 else "")


def sizes(shape: Sizes, names: Names) -> str:
    """``1×16×32×32``, with ``?`` for what is not known."""
    if shape is None:
        return "?"
    if not shape:
        return "scalar"
    return "×".join("?" if size is None else names.get(str(size)) or _size(size) for size in shape)


def _size(size: int | str) -> str:
    text = visible(str(size))
    return f"({text})" if any(sign in text[1:] for sign in "+−·") and not text.startswith("(") else text


def gives(layer: Layer, names: Names) -> str:
    """What a layer gives: the first tensor, and how many more; why nothing is known."""
    if not layer.calls:
        return "" if layer.type in _CONTAINERS else "not called"
    if not layer.outputs:
        return f"? {visible(layer.unknown)}"
    more = len(layer.outputs) - 1
    return sizes(layer.outputs[0].shape, names) + (f" and {amount(more)} more" if more else "")


def range_words(layer: Layer) -> str:
    """The range of the first tensor, as far as one end of it is known."""
    found = layer.outputs[0].range if layer.outputs else None
    return "" if found is None or found == (float("-inf"), float("inf")) else _interval(found)


def _interval(ends: tuple[float, float]) -> str:
    low, high = ends
    left = "(−∞" if low == float("-inf") else f"[{number(low)}"
    right = "∞)" if high == float("inf") else f"{number(high)}]"
    return f"{left}, {right}"


def holds(layer: Layer) -> str:
    """How many numbers a layer holds itself."""
    if layer.parameters is None:
        return "?"
    if layer.shared:
        return f"{amount(layer.parameters)} + shared" if layer.parameters else "shared"
    return amount(layer.parameters) if layer.parameters else "–"


def field(layer: Layer) -> str:
    """The receptive field: ``7×7``, ``all`` or nothing."""
    if layer.field is None:
        return ""
    return layer.field if isinstance(layer.field, str) else "×".join(map(str, layer.field))


def output(one: Output, names: Names) -> str:
    """``['out'] 1×21×H×W float32``."""
    return " ".join(part for part in (visible(one.name), sizes(one.shape, names), visible(one.dtype or "")) if part)


def facts(model: Model, names: Names) -> list[tuple[str, str]]:
    """What is to be said beside the layers, as labels and sentences."""
    told = [("unknown", visible(text)) for text in model.trouble]
    if model.inputs:
        told.append(("input", ", ".join(output(one, names) for one in model.inputs)))
    if model.source:
        told.append(("made", visible(model.source)))
    if model.outputs:
        told.append(("output", ", ".join(output(one, names) for one in model.outputs)))
    if model.layers:
        least = "" if model.complete else "at least "
        told.append(("parameters", f"{least}{amount(model.parameters)}"))
    pairs = [f"{short} = {visible(size)}" for size, short in names.items()]
    told += [("where", ", ".join(pairs[start : start + 2])) for start in range(0, len(pairs), 2)]
    return told
