"""What a run showed of models, as text for a terminal: facts, then a table of layers, aligned.

Worked example::

    models.py: Net(3)
      input       2×3×32×32 float32 (found by trying; --input names another)
      range       −0.439 to 0.524 over 3 seeds (what was seen; other weights and inputs may leave it)

      layer  type    output       parameters  least  greatest  ∂weights  ∂output
      stem   Conv2d  2×16×32×32          448  −1.13      1.32         4    0.156
"""

from __future__ import annotations

import textwrap

from torchlint.inspected import Inspection, Layer, Model
from torchlint.report.model_words import amount, facts, layer_name, number, shortened, sizes, title
from torchlint.report.text import Paint, visible, visible_path

HEAD = ("layer", "type", "output", "parameters", "least", "greatest", "∂weights", "∂output")
_LEFT = 3  # columns that are aligned to the left
_LABEL = 12
_SHORTEST = 16  # of a layer's name


def table(inspection: Inspection, width: int, paint: Paint) -> str:
    """All models of an inspection, in lines of at most `width` cells where that is possible."""
    return "\n".join(_model(inspection, one, max(width, 60), paint) for one in inspection.models)


def _model(inspection: Inspection, model: Model, width: int, paint: Paint) -> str:
    lines = [f"{visible_path(inspection.path)}: {paint('bold', title(model))}"]
    before = ""
    for label, text in facts(model):
        wrapped = textwrap.wrap(text, width - _LABEL - 2, break_on_hyphens=False) or [""]
        shown = label if label != before else ""
        before = label
        for number_of_line, part in enumerate(wrapped):
            head = f"{shown if number_of_line == 0 else '':<{_LABEL}}"
            lines.append(f"  {paint('error' if label == 'failed' else 'dim', head)}{part}")
    if model.layers:
        lines += ["", *_layers(model, width, paint)]
    return "\n".join(lines) + "\n"


def _layers(model: Model, width: int, paint: Paint) -> list[str]:
    rows = [_row(layer) for layer in model.layers]
    widths = [max(len(row[column]) for row in [HEAD, *rows]) for column in range(len(HEAD))]
    spare = width - 2 - 2 * (len(HEAD) - 1) - sum(widths[1:])
    widths[0] = min(widths[0], max(spare, _SHORTEST))
    lines = [paint("bold", _line(HEAD, widths))]
    lines += [_line((shortened(row[0], widths[0]), *row[1:]), widths) for row in rows]
    hidden = model.layers_in_all - len(model.layers)
    if hidden > 0:
        lines.append(f"  … and {amount(hidden)} more layers")
    if any(layer.not_finite for layer in model.layers):
        lines.append("  !: numbers that are not finite among the output")
    if model.gradients is not None and model.gradients.mode:
        lines.append("  ∂: norm of the gradient of the outputs times random numbers")
    return lines


def _row(layer: Layer) -> tuple[str, ...]:
    frozen = layer.parameters - layer.trainable
    kind = visible(layer.type) + (f" (ran {layer.calls} times)" if layer.calls > 1 else "")
    return (
        layer_name(layer),
        shortened(kind, 32),
        ("not called" if not layer.calls else sizes(layer.shape)) + (" !" if layer.not_finite else ""),
        (amount(layer.parameters) if layer.parameters else "–") + (" frozen" if frozen else ""),
        number(layer.minimum),
        number(layer.maximum),
        number(layer.weight_gradient),
        number(layer.activation_gradient),
    )


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [
        f"{cell:<{size}}" if column < _LEFT else f"{cell:>{size}}"
        for column, (cell, size) in enumerate(zip(row, widths))
    ]
    return f"  {'  '.join(cells)}".rstrip()
