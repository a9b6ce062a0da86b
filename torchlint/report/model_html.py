"""What a run showed of models, as one page.

**Invariant:** every text passes through `model_plots.escaped`.
"""

from __future__ import annotations

from torchlint.inspected import Inspection, Layer, Model
from torchlint.report import model_plots
from torchlint.report import page as frame
from torchlint.report.model_plots import escaped
from torchlint.report.model_words import amount, facts, layer_name, number, sizes, title

_HEAD = (
    ("#", ""), ("layer", "text"), ("type", "text"), ("output", "text"), ("parameters", ""), ("least", ""),
    ("greatest", ""), ("mean", ""), ("deviation", ""), ("∂ parameters", ""), ("∂ output", ""),
)  # fmt: skip


def page(inspection: Inspection) -> str:
    """The whole page."""
    how = [f"torch {one}" for one in dict.fromkeys(model.torch for model in inspection.models) if one]
    how += [f"isolation {inspection.isolation}"] if inspection.isolation else []
    how.append(f"seeds from {inspection.seed}")
    body = "\n".join(_model(one) for one in inspection.models)
    return frame.page(escaped(inspection.path), escaped(", ".join(how)), body)


def _model(model: Model) -> str:
    told = ((escaped(label), escaped(text)) for label, text in facts(model))
    parts = [f"<section>\n<h2>{escaped(title(model))}</h2>", frame.facts(told, "failed")]
    found = model.histogram
    if found is not None:
        spoilt = ", ".join(
            f"{amount(many)} {what}" for many, what in ((found.nan, "NaN"), (found.infinite, "infinite")) if many
        )
        apart = f'<p class="bad">not in the picture: {escaped(spoilt)}</p>' if spoilt else ""
        parts += _figure(f"Outputs of {len(model.seeds)} seeds", model_plots.histogram(found), apart)
    parts += _figure("Gradient norms by layer", model_plots.gradient_norms(model.layers))
    parts += _figure("Shapes by layer", model_plots.shapes(model.layers))
    if model.layers:
        rows = (_row(index, one) for index, one in enumerate(model.layers, 1))
        parts.append("<h3>Layers</h3>\n" + frame.table(_HEAD, rows))
        hidden = model.layers_in_all - len(model.layers)
        if hidden > 0:
            parts.append(f"<p>… and {amount(hidden)} more layers</p>")
    return "\n".join([*parts, "</section>"])


def _figure(name: str, picture: str, below: str = "") -> list[str]:
    return [f"<h3>{escaped(name)}</h3>", picture, below] if picture or below else []


def _row(index: int, layer: Layer) -> list[tuple[str, str]]:
    frozen = layer.parameters - layer.trainable
    spoilt = f' <span class="bad">{amount(layer.not_finite)} not finite</span>' if layer.not_finite else ""
    times = f" (ran {layer.calls} times)" if layer.calls > 1 else ""
    return [
        ("", str(index)),
        ("text name", escaped(layer_name(layer))),
        ("text type", escaped(layer.type + times)),
        ("text", ("not called" if not layer.calls else escaped(sizes(layer.shape))) + spoilt),
        ("", (amount(layer.parameters) if layer.parameters else "–") + (" frozen" if frozen else "")),
        *(("", number(one)) for one in (layer.minimum, layer.maximum, layer.mean, layer.deviation)),
        *(("", number(one)) for one in (layer.weight_gradient, layer.activation_gradient)),
    ]
