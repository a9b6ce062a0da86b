"""What is known of a model, in words: for the table, the page and the picture, which differ in layout alone.

**Invariant:** texts of the program pass through `visible`; what shows them as markup escapes them too.
"""

from __future__ import annotations

from torchlint.architecture import Layer, Model, Output, Sizes
from torchlint.report.model_words import amount, number
from torchlint.report.text import visible


def title(model: Model) -> str:
    """The call that makes the model."""
    return visible(model.call)


def name(layer: Layer) -> str:
    """The dotted name of a layer; the model itself has none."""
    return visible(layer.name) or "(the model)"


def sizes(shape: Sizes) -> str:
    """``1×16×32×32``, with ``?`` for what is not known."""
    if shape is None:
        return "?"
    if not shape:
        return "scalar"
    return "×".join("?" if size is None else _size(size) for size in shape)


def _size(size: int | str) -> str:
    text = visible(str(size))
    return f"({text})" if any(sign in text[1:] for sign in "+−·") and not text.startswith(("⌊", "(")) else text


def gives(layer: Layer) -> str:
    """What a layer gives: the first tensor, and how many more; why nothing is known."""
    if not layer.calls:
        return "" if layer.type in ("ModuleList", "ModuleDict", "ParameterList", "ParameterDict") else "not called"
    if not layer.outputs:
        return f"? {visible(layer.unknown)}"
    more = len(layer.outputs) - 1
    return sizes(layer.outputs[0].shape) + (f" and {more} more" if more else "")


def range_words(layer: Layer) -> str:
    """The range of the first tensor."""
    found = layer.outputs[0].range if layer.outputs else None
    return "" if found is None else _interval(found)


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
        return "shared"
    return amount(layer.parameters) if layer.parameters else "–"


def field(layer: Layer) -> str:
    """The receptive field: ``7×7``, ``all`` or nothing."""
    if layer.field is None:
        return ""
    return layer.field if isinstance(layer.field, str) else "×".join(map(str, layer.field))


def output(one: Output) -> str:
    """``['out'] 1×21×H×W float32``."""
    return " ".join(part for part in (visible(one.name), sizes(one.shape), visible(one.dtype or "")) if part)


def facts(model: Model) -> list[tuple[str, str]]:
    """What is to be said beside the layers, as labels and sentences."""
    told = [("unknown", visible(text)) for text in model.trouble]
    if model.inputs:
        told.append(("input", ", ".join(map(output, model.inputs))))
    if model.source:
        told.append(("made", visible(model.source)))
    if model.outputs:
        told.append(("output", ", ".join(map(output, model.outputs))))
    if model.layers:
        least = "" if model.complete else "at least "
        told.append(("parameters", f"{least}{amount(model.parameters)}"))
    return told
