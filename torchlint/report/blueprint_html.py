"""Models as one page: the way of the data as a picture, and a table of all layers; found without running anything.

**Invariant:** every text passes through `model_plots.escaped` or, in the picture, through `encode.xml`.
"""

from __future__ import annotations

from torchlint.architecture import Blueprint, Layer, Model
from torchlint.report import page as frame
from torchlint.report.blueprint_svg import picture
from torchlint.report.blueprint_words import (
    Names,
    facts,
    field,
    gives,
    holds,
    kind,
    own_name,
    range_words,
    short_names,
    title,
)
from torchlint.report.model_plots import escaped

_HEAD = (
    ("layer", "text"), ("made as", "text"), ("output", "text"), ("range", "text"), ("parameters", ""), ("sees", ""),
    ("where", "text"),
)  # fmt: skip
_STYLE = """
.picture { overflow-x: auto; border: 1px solid var(--frame); border-radius: 8px; }
.picture svg { width: auto; max-width: none; border: 0; padding: 0; margin: 0 auto; }
tr.uncalled td { color: var(--dim); }
td.made { white-space: normal; overflow-wrap: anywhere; text-align: left; min-width: 160px; max-width: 340px;
  font-family: ui-monospace, "DejaVu Sans Mono", monospace; }
"""


def page(blueprint: Blueprint) -> str:
    """The whole page."""
    body = "\n".join(map(_model, blueprint.models))
    return frame.page(escaped(blueprint.path), "found without running anything", body, _STYLE)


def _model(model: Model) -> str:
    names = short_names(model)
    told = ((escaped(label), escaped(text)) for label, text in facts(model, names))
    parts = [f"<section>\n<h2>{escaped(title(model))}</h2>", frame.facts(told, "unknown")]
    drawn = picture(model)
    if drawn:
        parts.append(f'<h3>The way of the data</h3>\n<div class="picture">{drawn}</div>')
    if model.layers:
        parts.append("<h3>Layers</h3>\n" + frame.table(_HEAD, (_row(one, names) for one in model.layers)))
    return "\n".join([*parts, "</section>"])


def _row(layer: Layer, names: Names) -> list[tuple[str, str]]:
    depth, name = own_name(layer)
    shown = "&#8195;" * max(0, depth - 1) + escaped(name)
    where = f"{layer.path}:{layer.row}" if layer.row else layer.path
    made = layer.made if "…" not in layer.made else kind(layer)
    return [
        ("text name", shown),
        ("made", escaped(made)),
        ("text", escaped(gives(layer, names))),
        ("text", escaped(range_words(layer))),
        ("", escaped(holds(layer))),
        ("", escaped(field(layer))),
        ("text", escaped(where)),
    ]
