"""What a run showed of a model, as sentences: for the table and for the page, which differ in layout alone.

**Invariant:** texts of the program that was run pass through `visible`; what shows them as markup escapes them too.
"""

from __future__ import annotations

from torchlint.inspected import REASONS, Layer, Model, Tensor
from torchlint.report.text import visible

_PARTS = {
    "forward": "the forward pass",
    "gradients": "gradients",
    "mixing": "mixing of samples",
    "train_eval": "train against eval mode",
    "seeds": "further seeds",
}
_KINDS = {
    "site": "as the program makes it",
    "analysis": "as the program makes it",
    "inside": "as a part of this",
    "none": "",
    "defaults": "with its defaults",
    "guessed": "with arguments that were guessed",
    "given": "with the arguments that were given",
}


def number(value: float | None) -> str:
    """Three digits of a number; a dash for none."""
    return "–" if value is None else f"{value + 0.0:.3g}".replace("-", "−")


def amount(count: int) -> str:
    """``12,345``."""
    return f"{count:,}"


def size(count: int) -> str:
    """Bytes in the largest unit that they fill."""
    value, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:.0f} {units[0]}" if units[0] == "B" else f"{value:.1f} {units[0]}"


def sizes(shape: tuple[int, ...] | None) -> str:
    """``2×3×32×32``; a dash for a layer that gave no tensor."""
    if shape is None:
        return "–"
    return "×".join(map(str, shape)) or "scalar"


def tensor(one: Tensor) -> str:
    """``['logits'] 2×10 float32``."""
    return f"{visible(one.name)} {sizes(one.shape)} {visible(one.dtype)}".strip()


def shortened(text: str, most: int) -> str:
    """A text without its middle, if it is longer than `most` characters."""
    if len(text) <= most:
        return text
    end = max(1, (most - 1) * 2 // 3)
    return f"{text[: max(0, most - 1 - end)]}…{text[-end:]}"


def title(model: Model) -> str:
    """The call that makes the model, or its name."""
    text = model.recipe.text if model.recipe is not None and model.recipe.kind != "inside" else model.name
    return visible(text)


def layer_name(layer: Layer) -> str:
    """The dotted name of a layer; the model itself has none."""
    return visible(layer.name) or "(the model)"


def failure(model: Model) -> str:
    """Why there is no model or no run, in one sentence; nothing if there is."""
    failed = model.failure
    if failed is None:
        return ""
    subject = "it was run in part" if model.layers else "it was not run" if model.parameters else "it was not built"
    where = f" ({visible(failed.path)}:{failed.row})" if failed.row else ""
    text = f"{subject}: {REASONS[failed.reason]}{where}"
    if failed.message:
        text += f": {visible(failed.message)}"
    if failed.inside or failed.last:
        text += f"; executed layers up to {visible(failed.last) or 'none'}"
        text += f", it broke off in {visible(failed.inside)}" if failed.inside else ""
    return text


def facts(model: Model) -> list[tuple[str, str]]:
    """What is to be said beside the layers, as labels and sentences, the most important first."""
    told: list[tuple[str, str]] = []
    if said := failure(model):
        told.append(("failed", said))
    told += [("made", _made(model))] if model.recipe is not None else []
    if model.inputs is not None:
        found = "as given" if model.inputs.known else "found by trying; --input names another"
        told.append(("input", f"{', '.join(map(tensor, model.inputs.tensors)) or 'nothing'} ({found})"))
    if model.outputs:
        told.append(("output", f"{', '.join(map(tensor, model.outputs))}, {_mode(model.train)} mode"))
    elif model.seeds == () and model.layers and model.failure is None:
        told.append(("output", "no tensor"))
    told += [("range", line) for line in _ranges(model)]
    if model.parameters is not None:
        told.append(("parameters", _parameters(model)))
    told += _gradients(model)
    if model.mixing is not None:
        told.append(("mixing", _mixing(model)))
    if model.train_eval is not None:
        told.append(("modes", _modes(model)))
    if model.left_out:
        parts = ", ".join(_PARTS.get(one, visible(one)) for one in model.left_out)
        told.append(("left out", f"{parts}: the processor time did not suffice, or the model raised an error"))
    return told


def _made(model: Model) -> str:
    recipe = model.recipe
    assert recipe is not None
    how = _KINDS.get(recipe.kind, "")
    where = f"{visible(recipe.path)}:{recipe.row}" if recipe.row else visible(recipe.path)
    text = f"{visible(recipe.text)}{f', {how}' if how else ''}, {where}"
    if recipe.kind == "inside":
        text = f"a part of {visible(recipe.text)}, {where}"
    return text + (f"; guessed: {', '.join(map(visible, recipe.guessed))}" if recipe.guessed else "")


def _mode(train: bool) -> str:
    return "train" if train else "eval"


def _ranges(model: Model) -> list[str]:
    """The least and greatest output over all seeds, and how many numbers are not finite."""
    if not model.seeds:
        return []
    lows = [one.minimum for one in model.seeds if one.minimum is not None]
    highs = [one.maximum for one in model.seeds if one.maximum is not None]
    spoilt = sum(one.not_finite for one in model.seeds)
    seeds = f"{len(model.seeds)} seed{'' if len(model.seeds) == 1 else 's'}"
    bad = f"{amount(spoilt)} number{'' if spoilt == 1 else 's'} not finite"
    if not lows:
        return [f"no finite number over {seeds}: {bad}" if spoilt else f"no number over {seeds}"]
    parts = "; ".join(
        f"seed {one.seed}: {number(one.minimum)} to {number(one.maximum)}, mean {number(one.mean)}, "
        f"deviation {number(one.deviation)}"
        for one in model.seeds
    )
    return [
        f"{number(min(lows))} to {number(max(highs))} over {seeds}{f', {bad}' if spoilt else ''}"
        " (what was seen; other weights and inputs may leave it)",
        parts,
    ]


def _parameters(model: Model) -> str:
    known = model.parameters
    assert known is not None
    if not known.count:
        return "none"
    trainable = "all trainable" if known.trainable == known.count else f"{amount(known.trainable)} trainable"
    dtypes = ", ".join(
        visible(name) if len(known.dtypes) == 1 else f"{amount(many)} {visible(name)}"
        for name, many in known.dtypes.items()
    )
    buffers = f"; buffers {size(known.buffer_bytes)}" if known.buffer_bytes else ""
    return f"{amount(known.count)} ({trainable}; {dtypes}), {size(known.bytes)}{buffers}"


def _gradients(model: Model) -> list[tuple[str, str]]:
    gradients = model.gradients
    if gradients is None:
        return []
    if not gradients.mode:
        return [("gradients", "none could be taken: the output has no gradient, or the pass raised an error")]
    told = [("gradients", f"taken in {gradients.mode} mode{'' if gradients.finite else '; some are not finite'}")]
    if gradients.mode not in ("train", "eval"):
        return []
    if gradients.unreached_in_all:
        names = [visible(one) for one in gradients.unreached[:12]]
        more = gradients.unreached_in_all - len(names)
        rest = f" and {amount(more)} more" if more else ""
        told.append(("unreached", f"no gradient reaches {', '.join(names)}{rest}"))
    else:
        told.append(("unreached", "a gradient reaches every trainable parameter"))
    return told


def _mixing(model: Model) -> str:
    assert model.mixing is not None
    evaluated, trained = model.mixing.in_eval, model.mixing.in_train
    normed = any(one.type.startswith(("BatchNorm", "SyncBatchNorm")) for one in model.layers)
    why = " (batch norm does that)" if trained and not evaluated and normed else ""
    return f"eval mode: {_mixed(evaluated)}; train mode: {_mixed(trained)}{why}"


def _mixed(mixing: bool | None) -> str:
    if mixing is None:
        return "not decided"
    return "samples of a batch leak into each other" if mixing else "no leak between samples was seen"


def _modes(model: Model) -> str:
    found = model.train_eval
    assert found is not None
    if found.eval_eval is None:
        again = "two calls in eval mode could not be compared"
    elif found.eval_eval == 0:
        again = "two calls in eval mode agree"
    else:
        again = f"two calls in eval mode differ by up to {number(found.eval_eval)}: it is random in eval mode"
    if found.train_eval is None:
        return f"{again}; train mode could not be compared"
    if found.train_eval == 0:
        return f"{again}; train mode gives the same"
    return f"{again}; train mode differs by up to {number(found.train_eval)}"
