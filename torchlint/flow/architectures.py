"""Known architectures of libraries: what they return, their heads, and objects that hold several outputs.

Definitions
    head    the last layer, which programs replace to have other classes
    part    a piece of a known architecture that the program names (``model.classifier``), made when it is named
    output  an object with several results, as transformers' models return it: ``outputs.logits``, ``outputs[0]``
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchlint.flow import calls, interval, models, weights
from torchlint.flow.library import tables
from torchlint.flow.machine import Machine
from torchlint.flow.shape import Shape, symbol
from torchlint.flow.tensors import grad_mode
from torchlint.flow.values import (
    FALSE,
    NONE,
    UNKNOWN,
    Alternatives,
    Bound,
    Const,
    Dict,
    Meaning,
    Number,
    Object,
    Origin,
    Place,
    Run,
    Tensor,
    Trail,
    Tuple,
    Unknown,
    Value,
    Via,
)

#: What the last layer is called by architectures whose contract does not say it.
HEADS = frozenset({"head", "fc", "classifier", "last_linear", "_fc"})

#: Methods that a known architecture has as any module has them.
METHODS = {
    "train", "eval", "parameters", "named_parameters", "children", "modules", "named_children", "state_dict",
    "load_state_dict", "zero_grad", "forward", "named_modules", "buffers", "reset_classifier",
}  # fmt: skip

#: The range of what a model returns, by its meaning.
RETURNED = {
    "logits": interval.REAL, "probability": interval.UNIT, "distribution": interval.UNIT,
    "log-probability": interval.Interval(-interval.INF, 0.0), "log-distribution": interval.Interval(-interval.INF, 0.0),
}  # fmt: skip

#: Meanings of what ends in an activation that a parameter names.
ACTIVATIONS = {
    "sigmoid": "probability", "softmax": "distribution", "softmax2d": "distribution", "logsoftmax": "log-distribution",
}  # fmt: skip


# --- parts and heads ---------------------------------------------------------------------------------------------


def part_of(model: Object) -> Unknown:
    """Something inside a known architecture: a layer, a block, a number."""
    return Unknown(None, None, None, Origin("is a part of a library's model of which nothing is known", False, model))


def call_part(m: Machine, callee: Unknown, args: Sequence[Value], place: Place) -> Value | None:
    """What a part of a known architecture makes of a tensor: features of that architecture."""
    if callee.origin is None or not isinstance(callee.origin.owner, Object) or len(args) != 1:
        return None
    given = m.resolve(args[0])
    data = isinstance(given, Unknown) and (given.grad == "detached" or given.via is not None)
    if not (isinstance(given, (Tensor, Alternatives)) or data):
        return None
    weights.reached(m, callee.origin.owner, given, place)
    via = Via("part", {"input": given}, place)
    return grad_mode(m, Tensor(None, Meaning("activation"), "float32", None, "attached", via=via))


def attribute(m: Machine, owner: Object, name: str, n: int) -> Value:
    """A part of a known architecture, made when the program first names it."""
    found = owner.attrs.get(name)
    if isinstance(found, Value):
        return m.resolve(found)
    path = f"{owner.attrs.get('path', '')}.{name}".lstrip(".")
    root = owner.attrs.get("root", owner)
    row = m.contracts.lookup(root.name) if isinstance(root, Object) else None
    if isinstance(row, tables.Model):
        inside = path.partition(".")[0] in HEADS if not row.head else path.rpartition(".")[0] == row.head
        if inside and name in ("in_features", "in_channels"):
            return Const(row.head_in) if row.head_in else Number(kind="int")
        if path in HEADS if not row.head else (row.head == path or row.head.startswith(path + ".")):
            part = Object("part", row.name, {}, {"path": path, "root": root}, owner.made)
            m.write(owner.attrs, name, part)
            return part
    if name in METHODS or name in models.SAME:
        return Bound(name, owner, m.place(n))
    return part_of(root)


def reset_classifier(m: Machine, model: Object, args: Sequence[Value], keywords: Mapping[str, Value]) -> None:
    """``model.reset_classifier(10)``: a new head with so many classes."""
    row = m.contracts.lookup(model.name)
    if isinstance(row, tables.Model) and row.classes_param:
        classes = args[0] if args else keywords.get("num_classes", UNKNOWN)
        m.write(model.arguments, row.classes_param, classes)


def _head(m: Machine, model: Object, row: tables.Model) -> Value | None:
    """What the program assigned where the architecture's last layer was, if it did."""
    if not row.head:
        found = (_replaced(m, model.attrs.get(name)) for name in sorted(HEADS))
        return next((value for value in found if value is not None), None)
    owner = model
    for part in row.head.split("."):
        inner = owner.attrs.get(part)
        if not isinstance(inner, Value):
            return None
        inner = m.resolve(inner)
        if not isinstance(inner, Object) or inner.kind != "part":
            return inner
        owner = inner
    return None


def _at(m: Machine, model: Object, path: str) -> Value | None:
    """What stands at a path of attributes: the head itself, if it is not replaced with something round it."""
    value: Value | None = model
    for part in path.split("."):
        inner = value.attrs.get(part) if isinstance(value, Object) and value.kind in ("model", "part") else None
        value = m.resolve(inner) if isinstance(inner, Value) else None
    return value


def _replaced(m: Machine, value: object) -> Value | None:
    """A layer that the program put at this attribute, or inside the part that it names."""
    if not isinstance(value, Value):
        return None
    value = m.resolve(value)
    if not isinstance(value, Object) or value.kind != "part":
        return value
    inside = [v for v in value.attrs.values() if isinstance(v, Value) and v is not value.attrs.get("root")]
    return next((found for v in inside if (found := _replaced(m, v)) is not None), None)


# --- calls -------------------------------------------------------------------------------------------------------


def call(m: Machine, model: Object, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    """What a known architecture returns by its contract, or what the program put in the place of its head."""
    row = m.contracts.lookup(model.name)
    if not isinstance(row, tables.Model):
        return UNKNOWN
    given = args[0] if args else keywords.get("pixel_values", next(iter(keywords.values()), UNKNOWN))
    image, trained = weights.reached(m, model, given, place), weights.trained(m, model)
    run = Run(model, model.short, place, tuple(args), image, trained, models.in_training(m, model), m.grad,
              weights.channels(m, model, row), weights.is_filled(m, model), keywords=dict(keywords))  # fmt: skip
    replaced = _head(m, model, row)
    result: Value = UNKNOWN
    if replaced is not None:
        width = row.head_in or None if replaced is _at(m, model, row.head) else None
        shape: Shape = (symbol("B"), width) if row.head and row.task != "segmenter" else None
        result = calls.call(m, replaced, [Tensor(None, Meaning("activation"), "float32", shape, "attached")], {}, place)
    elif row.returns in RETURNED or row.returns in ("dict:out", "object:logits", "tuple"):
        result = _last(m, model, row, given, place)
    if isinstance(result, Tensor):
        given_back = grad_mode(m, result)
        result = given_back
        if row.returns == "dict:out":
            result = Dict({"out": given_back, "aux": given_back})
        elif row.returns == "object:logits" and isinstance(given_back, Tensor):
            result = _output(m, model, given_back, keywords, place)
        elif row.returns == "tuple" and isinstance(given_back, Tensor):
            result = Tuple(tuple(_part(given_back, kind) for kind in row.outputs))
    return models.note(m, result, run)


def _part(logits: Tensor, kind: str) -> Value:
    """One of several outputs."""
    if kind == "logits":
        return logits
    if kind == "positive":
        return logits.with_(range=interval.Interval(0.0, interval.INF, False), meaning=Meaning("activation"))
    return UNKNOWN


def _is_set(m: Machine, model: Object, name: str) -> bool:
    """Whether an argument asks for something that is not the ordinary."""
    value = m.resolve(model.arguments.get(name, NONE))
    return not (isinstance(value, Const) and value.value in (None, False))


def _last(m: Machine, model: Object, row: tables.Model, given: Value, place: Place) -> Value:
    """What the last layer of a model gives, the activation after it included."""
    if any(_is_set(m, model, name) for name in row.unless):
        return UNKNOWN
    kind: str | None = row.returns if row.returns in RETURNED else "logits"
    activation = m.resolve(model.arguments.get(row.activation_param, NONE)) if row.activation_param else NONE
    if not isinstance(activation, Const):
        return UNKNOWN
    if activation.value not in (None, "identity"):
        kind = ACTIVATIONS.get(str(activation.value).lower())
    if kind is None:
        return UNKNOWN
    meaning = Meaning(kind, dim=1 if kind in ("distribution", "log-distribution") else None)
    classes = m.resolve(model.arguments.get(row.classes_param, UNKNOWN)) if row.classes_param else UNKNOWN
    count = classes.value if isinstance(classes, Const) and isinstance(classes.value, int) else None
    if count == 0:
        return Tensor(grad="attached", dtype="float32")  # the features, as they would reach the head
    if count is None and not row.classes_param:
        count = row.channels or row.default_classes or None
    found, before = RETURNED[kind], given.trail if isinstance(given, Tensor) and given.grad == "attached" else None
    trail = Trail(place, f"`{model.short}` → {found}", before)
    via = Via("model", {}, place, model.made)
    return Tensor(found, meaning, "float32", _shape(m, model, row, count), "attached", trail, via=via)


def _shape(m: Machine, model: Object, row: tables.Model, count: int | None) -> Shape:
    batch = symbol("B")
    if row.tokens:
        return (batch, None, count)
    if row.task != "segmenter":
        return (batch, count) if row.task else None
    if not row.spatial_param:
        return (batch, count, None, None)
    dims = m.resolve(model.arguments.get(row.spatial_param, UNKNOWN))
    if not isinstance(dims, Const) or not isinstance(dims.value, int) or not 1 <= dims.value <= 3:
        return None
    return (batch, count, *[None] * dims.value)


# --- outputs -----------------------------------------------------------------------------------------------------


def _output(m: Machine, model: Object, logits: Tensor, keywords: Mapping[str, Value], place: Place) -> Value:
    """The object that a model of transformers returns: with a loss if it was given labels."""
    plain = m.resolve(keywords.get("return_dict", NONE))
    labels = m.resolve(keywords.get("labels", NONE if "**" not in keywords else UNKNOWN))
    attrs: dict[str, Value] = {"logits": logits}
    without = isinstance(labels, Const) and labels.value is None
    if not without:
        trail = Trail(place, f"the loss of `{model.short}`", logits.trail)
        via = Via("model", {}, place, model.made)
        loss = Tensor(interval.Interval(0.0, interval.INF, False), Meaning("loss"), "float32", (), "attached", trail)
        attrs["loss"] = grad_mode(m, loss.with_(via=via))
    if plain is FALSE or plain == FALSE:
        return Tuple((attrs["loss"], logits)) if not without and "labels" in keywords else UNKNOWN
    first = ("logits",) if without else ("loss", "logits") if "labels" in keywords else ()
    return Object("output", model.name, {}, {**attrs, "order": first}, place)


def output_item(m: Machine, output: Object, index: Value) -> Value:
    """``outputs[0]``, ``outputs["logits"]`` and ``outputs[:2]``."""
    from torchlint.flow import subscripts

    order = output.attrs.get("order", ())
    if isinstance(index, Const) and isinstance(index.value, str):
        found = output.attrs.get(index.value)
        return m.resolve(found) if isinstance(found, Value) else UNKNOWN
    if not order:
        return UNKNOWN
    items = Tuple((*(output.attrs[name] for name in order), UNKNOWN))
    return subscripts.get(m, items, index, m.place(0))
