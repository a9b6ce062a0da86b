"""Objects and functions of libraries that call what they are given: training loops, and inference by parts.

Definitions
    engine   an object that runs a loop over batches by itself (ignite's ``Engine``, fastai's ``Learner``, …): its model
             is called on the input of a batch, and its loss on what came of that and the target
    process  a function that an engine calls with itself and a batch, instead of a model and a loss
    caller   a function, or an object, that calls one of its arguments on others (``sliding_window_inference``)

Worked example: after ``trainer = create_supervised_trainer(net, optimizer, nn.BCELoss())``, ``trainer.run(loader)``
draws a batch ``(x, y)`` from the loader and calls ``BCELoss()(net(x), y)``, at the argument that says the loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchlint.flow import attributes, builtins, calls, data, losses, models, training
from torchlint.flow.library import tables
from torchlint.flow.machine import Machine
from torchlint.flow.values import (
    NONE,
    UNKNOWN,
    Class,
    Const,
    Dict,
    Function,
    Instance,
    Library,
    Object,
    Partial,
    Place,
    Tuple,
    Value,
)
from torchlint.syntax import ir

#: How the names of classes end that wrap a training loop of the program's own.
WRAPPERS = (".Fabric", ".LightningLite")


def call_method(
    m: Machine, engine: Object, name: str, args: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> Value:
    """A method of an engine: those that the contract names run it, the others are not known."""
    row = m.contracts.lookup(engine.name)
    if isinstance(row, tables.Engine) and name in row.runs:
        _run(m, engine, row, args, keywords, place)
        return engine if row.batch == "arrays" else UNKNOWN
    return UNKNOWN


def inherited_method(
    m: Machine, instance: Instance, name: str, args: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> Value:
    """A method that an object of the project has from an engine, or from a wrapper of the training loop."""
    engine = instance.attrs.get("(layer)")
    row = m.contracts.lookup(engine.name) if isinstance(engine, Object) else None
    if not isinstance(engine, Object) or not isinstance(row, tables.Engine):
        wraps = any(isinstance(b, Library) and b.name.endswith(WRAPPERS) for b in instance.cls.mro)
        return training.accelerator_method(m, name, args, keywords, place) if wraps else UNKNOWN
    hook = attributes.find_method(m, instance, row.hook) if row.hook else None
    if hook is None or name not in row.runs:
        return call_method(m, engine, name, args, keywords, place)
    sample = data.sample(m, engine.arguments.get(row.loader, UNKNOWN), place)
    model = m.resolve(engine.arguments.get(row.model, UNKNOWN))
    return calls.call_function(m, hook, [instance, model, data.collate(m, sample, place)], {}, instance)


def _run(
    m: Machine, engine: Object, row: tables.Engine, args: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> None:
    """One steady iteration of an engine."""
    if row.batch == "arrays":
        batch: Value = Tuple(tuple(args[:2])) if len(args) > 1 else UNKNOWN
    else:
        source = engine.arguments.get(row.loader) if row.loader else args[0] if args else keywords.get("data", UNKNOWN)
        batch = builtins.element(m, source if source is not None else UNKNOWN, place)
    if row.process:
        calls.call(m, engine.arguments.get(row.process, UNKNOWN), [engine, batch], {}, place)
        return
    made = engine.made or place
    model = _instance(m, engine, row.model, made)
    grad, m.grad = m.grad, not row.evaluates
    if isinstance(model, Object) or model is not UNKNOWN:
        models.set_mode(m, model, Const(not row.evaluates))
    given, target = _parts(m, engine, row, batch, place)
    output = _output(m, engine, row, model, given, place)
    for loss, at in _losses(m, engine, row, made):
        calls.call(m, loss, [output, target], {}, at)
    m.grad = grad


def _parts(m: Machine, engine: Object, row: tables.Engine, batch: Value, place: Place) -> tuple[Value, Value]:
    """The input and the target of a batch."""
    prepare = m.resolve(engine.arguments.get(row.prepare, NONE)) if row.prepare else NONE
    if not isinstance(prepare, Const):
        batch = calls.call(m, prepare, [batch, UNKNOWN, UNKNOWN], {}, place)
    batch = m.resolve(batch)
    if isinstance(batch, Dict):
        image, label = batch.items.get("image", UNKNOWN), batch.items.get("label", UNKNOWN)
        return image, label
    items = builtins.items_of(m, batch)
    return (items[0], items[1]) if items is not None and len(items) > 1 else (UNKNOWN, UNKNOWN)


def _output(m: Machine, engine: Object, row: tables.Engine, model: Value, given: Value, place: Place) -> Value:
    """What the model gives, through the inferer and the transform of the engine."""
    inferer = m.resolve(engine.arguments.get(row.inferer, NONE)) if row.inferer else NONE
    if isinstance(inferer, Const):
        output = calls.call(m, model, [given], {}, place)
    else:
        output = calls.call(m, inferer, [given, model], {}, place)
    transform = m.resolve(engine.arguments.get(row.transform, NONE)) if row.transform else NONE
    return output if isinstance(transform, Const) else calls.call(m, transform, [output], {}, place)


def _losses(m: Machine, engine: Object, row: tables.Engine, made: Place) -> list[tuple[Value, Place]]:
    """The losses of an engine, each with the argument that says it."""
    node = engine.attrs.get("node")
    stands = losses.settings_at(node if isinstance(node, ir.Call) else None, row.parameters, made.path)
    found: list[tuple[Value, Place]] = []
    if row.loss:
        loss = _instance(m, engine, row.loss, made)
        own_log = row.batch == "arrays" and isinstance(loss, Object) and loss.name == "torch.nn.NLLLoss"
        if not own_log:
            found.append((loss, stands.get(row.loss, made)))
    metrics = m.resolve(engine.arguments.get(row.metrics, NONE)) if row.metrics else NONE
    if isinstance(metrics, Dict):
        measured = [m.resolve(v) for v in metrics.items.values()]
        found += [(v, stands.get(row.metrics, made)) for v in measured if _is_loss(v)]
    return found


def _is_loss(value: Value) -> bool:
    return isinstance(value, (Function, Partial)) or (isinstance(value, Object) and value.kind in ("loss", "losses"))


def _instance(m: Machine, engine: Object, name: str, place: Place) -> Value:
    """An argument of an engine; if it is a class, an object of it, made with the arguments that carry its name."""
    value = m.resolve(engine.arguments.get(name, UNKNOWN))
    row = m.contracts.lookup(value.name) if isinstance(value, Library) else None
    if not isinstance(value, Class) and not isinstance(row, (tables.Loss, tables.Module, tables.Model)):
        return value
    if isinstance(row, tables.Loss) and isinstance(value, Library) and value.name == row.function:
        return value
    made = engine.attrs.get(f"made {name}")
    if not isinstance(made, Value):
        keywords = {k.split("__", 1)[1]: v for k, v in engine.arguments.items() if k.startswith(f"{name}__")}
        made = calls.call(m, value, [], keywords, place)
        m.write(engine.attrs, f"made {name}", made)
    return made


# --- callers -----------------------------------------------------------------------------------------------------


def function(
    m: Machine, row: tables.Caller, args: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> Value:
    """A function that calls one of its arguments."""
    return _passed_on(m, row, row.parameters.bind(args, keywords), place)


def call(m: Machine, caller: Object, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    """An object that calls what it is given."""
    row = m.contracts.lookup(caller.name)
    if not isinstance(row, tables.Caller):
        return UNKNOWN
    return _passed_on(m, row, tables.parse_signature(row.call_signature).bind(args, keywords), place)


def _passed_on(m: Machine, row: tables.Caller, bound: Mapping[str, Value], place: Place) -> Value:
    given: list[Value] = []
    for name in row.given:
        value = bound.get(name, UNKNOWN)
        if name == "*":
            given.extend(builtins.items_of(m, bound.get("*", Tuple(()))) or ())
        else:
            given.append(value)
    return calls.call(m, m.resolve(bound.get(row.calls, UNKNOWN)), given, {}, place)
