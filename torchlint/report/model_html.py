"""What a run showed of models, as one page that needs nothing else: no script, no font, no picture from elsewhere.

**Invariant:** every text passes through `model_plots.escaped`, and the page's policy forbids scripts and loading.
"""

from __future__ import annotations

from torchlint.inspected import Inspection, Layer, Model
from torchlint.report import model_plots
from torchlint.report.model_plots import escaped
from torchlint.report.model_words import amount, facts, layer_name, number, sizes, title

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light dark; --back: #fff; --front: #1c2430; --dim: #5b6675; --frame: #d8dee6; --grid: #e6eaf0;
  --one: #2a6bb5; --two: #c4590a; --bad: #b3261e; --panel: #f7f9fb; }
@media (prefers-color-scheme: dark) { :root { --back: #14181e; --front: #e3e8ef; --dim: #9aa6b5; --frame: #313a46;
  --grid: #262e38; --one: #6cb0f5; --two: #f5a25d; --bad: #ff8a80; --panel: #1a2028; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1120px; padding: 24px 32px 64px; background: var(--back); color: var(--front);
  font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 24px; margin: 8px 0 4px; } h2 { font-size: 20px; margin: 40px 0 8px; overflow-wrap: anywhere; }
h3 { font-size: 16px; margin: 28px 0 8px; } p.how { color: var(--dim); margin: 0 0 8px; }
dl { display: grid; grid-template-columns: 110px 1fr; gap: 6px 16px; margin: 12px 0; padding: 14px 18px;
  background: var(--panel); border: 1px solid var(--frame); border-radius: 8px; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
dt.failed, dd.failed { color: var(--bad); font-weight: 600; }
svg { display: block; width: 100%; height: auto; border: 1px solid var(--frame); border-radius: 8px;
  background: var(--panel); padding: 8px; }
svg text { fill: var(--dim); font-size: 12px; } svg text.name { fill: var(--front);
  font: 12px ui-monospace, "DejaVu Sans Mono", monospace; } svg text.label { fill: var(--front); font-size: 13px; }
.one { fill: var(--one); } .two { fill: var(--two); } .grid { stroke: var(--grid); } .axis { stroke: var(--dim); }
.join { stroke: var(--frame); stroke-width: 2; } .line { fill: none; stroke-width: 1.5; opacity: .55; }
.one.line { stroke: var(--one); } .two.line { stroke: var(--two); }
.wide { overflow-x: auto; border: 1px solid var(--frame); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 12.5px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 4px 7px; border-top: 1px solid var(--grid); white-space: nowrap; }
th { border-top: 0; color: var(--dim); font-weight: 600; background: var(--panel); }
td.text, th.text { text-align: left; } td.name { font-family: ui-monospace, "DejaVu Sans Mono", monospace;
  white-space: normal; overflow-wrap: anywhere; min-width: 110px; max-width: 320px; }
td.type { white-space: normal; overflow-wrap: anywhere; min-width: 112px; max-width: 200px; }
.bad { color: var(--bad); }
@media (max-width: 640px) { body { padding: 16px; } dl { grid-template-columns: 1fr; gap: 0; }
  dt { margin-top: 8px; } }
"""
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
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escaped(inspection.path)}: models</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f'<h1>{escaped(inspection.path)}</h1>\n<p class="how">{escaped(", ".join(how))}</p>\n{body}\n</body>\n</html>\n'
    )


def _model(model: Model) -> str:
    parts = [f"<section>\n<h2>{escaped(title(model))}</h2>\n<dl>"]
    before = ""
    for label, text in facts(model):
        style = ' class="failed"' if label == "failed" else ""
        parts.append(f"<dt{style}>{escaped(label) if label != before else ''}</dt><dd{style}>{escaped(text)}</dd>")
        before = label
    parts.append("</dl>")
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
        head = "".join(f'<th class="{style}">{escaped(name)}</th>' for name, style in _HEAD)
        rows = "\n".join(_row(index, one) for index, one in enumerate(model.layers, 1))
        parts.append(
            f'<h3>Layers</h3>\n<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n'
            f"<tbody>\n{rows}\n</tbody></table></div>"
        )
        hidden = model.layers_in_all - len(model.layers)
        if hidden > 0:
            parts.append(f"<p>… and {amount(hidden)} more layers</p>")
    return "\n".join([*parts, "</section>"])


def _figure(name: str, picture: str, below: str = "") -> list[str]:
    return [f"<h3>{escaped(name)}</h3>", picture, below] if picture or below else []


def _row(index: int, layer: Layer) -> str:
    frozen = layer.parameters - layer.trainable
    spoilt = f' <span class="bad">{amount(layer.not_finite)} not finite</span>' if layer.not_finite else ""
    times = f" (ran {layer.calls} times)" if layer.calls > 1 else ""
    cells = [
        ("", str(index)),
        ("text name", escaped(layer_name(layer))),
        ("text type", escaped(layer.type + times)),
        ("text", ("not called" if not layer.calls else escaped(sizes(layer.shape))) + spoilt),
        ("", (amount(layer.parameters) if layer.parameters else "–") + (" frozen" if frozen else "")),
        *(("", number(one)) for one in (layer.minimum, layer.maximum, layer.mean, layer.deviation)),
        *(("", number(one)) for one in (layer.weight_gradient, layer.activation_gradient)),
    ]
    return f"<tr>{''.join(f'<td class={chr(34)}{style}{chr(34)}>{text}</td>' for style, text in cells)}</tr>"
