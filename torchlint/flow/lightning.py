"""Lightning: the hooks of a module are run as a trainer calls them, on batches of its loaders.

Definitions
    hook     a method of a LightningModule that the framework calls: ``training_step`` and the like
    stage    what a trainer does: ``fit`` (with training and validation), ``validate``, ``test`` or ``predict``
    source   where batches come from: loaders, a LightningDataModule, or the module's own ``train_dataloader``

Worked example: ``trainer.fit(model, datamodule=data)`` runs ``data.setup("fit")``, draws a batch from what
``data.train_dataloader()`` returns, and calls ``model.training_step(batch, 0)``; then the same for validation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchlint.flow import attributes, builtins, calls, models, objects, training
from torchlint.flow import data as loading
from torchlint.flow.events import StepEvent
from torchlint.flow.machine import Machine
from torchlint.flow.values import (
    NONE,
    TRUE,
    UNKNOWN,
    Alternatives,
    Class,
    Const,
    Dict,
    Function,
    Instance,
    Library,
    List,
    Number,
    Object,
    Place,
    Tensor,
    Tuple,
    Unknown,
    Value,
)

#: Hooks by stage, each with the method that gives its loaders.
HOOKS = {
    "fit": (("training_step", "train_dataloader"), ("validation_step", "val_dataloader")),
    "validate": (("validation_step", "val_dataloader"),),
    "test": (("test_step", "test_dataloader"),),
    "predict": (("predict_step", "predict_dataloader"),),
}
STEPS = frozenset(step for hooks in HOOKS.values() for step, _ in hooks)

#: The parameters of a trainer's methods, in order.
PARAMETERS = {
    "fit": ("model", "train_dataloaders", "val_dataloaders", "datamodule"),
    "validate": ("model", "dataloaders", "ckpt_path"),
    "test": ("model", "dataloaders", "ckpt_path"),
    "predict": ("model", "dataloaders", "datamodule"),
}

#: Attributes of a LightningModule that its trainer sets.
ATTACHED = frozenset(
    {"trainer", "logger", "loggers", "current_epoch", "global_step", "device", "fabric", "hparams", "global_rank",
     "local_rank", "dtype", "example_input_array"}
)  # fmt: skip


def run(m: Machine, stage: str, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> None:
    """``trainer.fit(model, loaders)`` and its like."""
    given = {**dict(zip(PARAMETERS[stage], args)), **keywords}
    loaders = given.get("train_dataloaders", given.get("train_dataloader", given.get("dataloaders")))
    data = m.resolve(given.get("datamodule", NONE))
    first = m.resolve(loaders) if loaders is not None else NONE
    if isinstance(first, Instance) and _is_data_module(first):
        data, loaders = first, None
    validation = given.get("val_dataloaders") if stage == "fit" else loaders

    def one(values: list[Value]) -> Value:
        model = values[0]
        if isinstance(model, Instance) and objects.is_module(m, model):
            drive(m, model, (stage,), loaders, validation, data, place)
        return NONE

    m.over([given.get("model", UNKNOWN)], one)


def drive(
    m: Machine, model: Instance, stages: Sequence[str], train: Value | None, other: Value | None, data: Value,
    place: Place,
) -> None:  # fmt: skip
    """Run a module's hooks of these stages.

    Args:
        train, other: loaders of the training step and of the other steps, None where the module or `data` has them.
    """
    m.driven.add(id(model.cls.node))
    for stage in stages:
        for owner in (data, model):
            if isinstance(owner, Instance):
                _set_up(m, owner, stage)
        for hook, loader in HOOKS[stage]:
            method = attributes.find_method(m, model, hook)
            if method is None:
                continue
            source = train if hook == "training_step" else other
            if source is None or isinstance(m.resolve(source), Const):
                source = _own_loader(m, (data, model), loader)
            batch = loading.known_as_data(
                m, _arrived(m, (data, model), _batch(m, source, place, hook == "training_step"))
            )
            grad = m.grad
            m.grad = hook == "training_step"
            models.set_mode(m, model, Const(hook == "training_step"))
            mark = len(m.events)
            value = calls.call_function(m, method, [model, batch, Number(kind="int")], {}, model)
            if hook == "training_step":
                _returned(m, model, method, value, mark)
            m.grad = grad


def _returned(m: Machine, model: Instance, method: Function, value: Value, mark: int) -> None:
    """What a training step returns is the loss of a backward pass, unless the module runs its own.

    A step that has several returns is taken to reach each: which optimizer's turn it is decides on many.
    """
    own = m.resolve(model.attrs.get("automatic_optimization", TRUE))
    manual = any(isinstance(e, StepEvent) and e.kind == "backward" for e in m.events[mark:])
    if manual or not isinstance(own, Const) or own.value is False:
        return
    saved = m.path
    for guard, loss in value.options if isinstance(value, Alternatives) else (((), value),):
        if isinstance(loss, Dict):
            loss = loss.items.get("loss", NONE)
        place = Place(method.path, method.node.n)
        if isinstance(loss, Tensor) and loss.via is not None and loss.via.place.path == method.path:
            place = loss.via.place
        m.path = m.under(guard)
        training.record(m, "returned", loss, "", place)
        m.path = saved


def run_command_line(m: Machine, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> None:
    """``LightningCLI(Model, Data)``: both are built with arguments that nobody knows, and the model is fitted."""
    given = {**dict(zip(("model_class", "datamodule_class"), args)), **keywords}
    made = [_built(m, given.get(name, NONE), place) for name in ("model_class", "datamodule_class")]
    model, data = made
    if isinstance(model, Instance) and objects.is_module(m, model):
        drive(m, model, ("fit", "test"), None, None, data, place)


def _built(m: Machine, cls: Value, place: Place) -> Value:
    cls = m.resolve(cls)
    if not isinstance(cls, Class):
        return NONE
    return m.instances.get(id(cls.node)) or calls.construct(m, cls, [], {"**": UNKNOWN}, place)


def _is_data_module(value: Instance) -> bool:
    return any(isinstance(b, Library) and b.name.endswith("LightningDataModule") for b in value.cls.mro)


def _set_up(m: Machine, owner: Instance, stage: str) -> None:
    """``prepare_data`` and ``setup`` of a module or of its data, once for each stage."""
    done: frozenset[str] = owner.meta.get("stages", frozenset())
    if stage in done:
        return
    m.write(owner.meta, "stages", done | {stage})
    for name, args in (("prepare_data", []), ("setup", [Const(stage)]), ("configure_model", [])):
        method = attributes.find_method(m, owner, name)
        if method is not None:
            calls.call_function(m, method, [owner, *args], {}, owner)


def _own_loader(m: Machine, owners: Sequence[Value], name: str) -> Value:
    for owner in owners:
        method = attributes.find_method(m, owner, name) if isinstance(owner, Instance) else None
        if method is not None:
            return calls.call_function(m, method, [owner], {}, owner)
    return UNKNOWN


def _batch(m: Machine, source: Value, place: Place, training: bool) -> Value:
    """A batch of a loader. Several loaders give one batch of each while training, and take turns otherwise."""
    source = m.resolve(source)
    if isinstance(source, Dict) and training:
        return Dict({k: builtins.element(m, v, place) for k, v in source.items.items()}, dict(source.meta))
    if isinstance(source, (List, Tuple)) and source.items is not None:
        if training:
            return Tuple(tuple(builtins.element(m, v, place) for v in source.items))
        return builtins.element(m, source.items[0], place) if len(source.items) == 1 else UNKNOWN
    return builtins.element(m, source, place)


def _arrived(m: Machine, owners: Sequence[Value], batch: Value) -> Value:
    """The batch as the hooks that transfer it to the device leave it."""
    for name in ("on_before_batch_transfer", "on_after_batch_transfer"):
        for owner in owners:
            method = attributes.find_method(m, owner, name) if isinstance(owner, Instance) else None
            if method is not None:
                batch = calls.call_function(m, method, [owner, batch, Const(0)], {}, owner)
                break
    return batch


# --- hyperparameters ---------------------------------------------------------------------------------------------


def save_hyperparameters(m: Machine, module: Instance, args: Sequence[Value], place: Place) -> None:
    """``self.save_hyperparameters(…)``: names of arguments, an object that holds them, or everything."""
    held = m.resolve(args[0]) if len(args) == 1 else NONE
    found: dict[str, Value] = {}
    if isinstance(held, Dict):
        found = {str(k): v for k, v in held.items.items()}
    elif isinstance(held, (Instance, Object)):
        found = {k: v for k, v in held.attrs.items() if isinstance(v, Value)}
    elif isinstance(held, Unknown) and held.key is not None:
        m.write(module.attrs, "hparams", held)
        return
    else:
        for name, value in m.frame.vars.items():
            if name in ("self", "__class__"):
                continue
            found[name] = value
            if isinstance(value, Dict) and m.frame.function is not None and _is_rest(m, name):
                found.update({str(k): v for k, v in value.items.items()})
    m.write(module.attrs, "hparams", Object("arguments", "hparams", {}, dict(found), place))


def _is_rest(m: Machine, name: str) -> bool:
    """Whether a variable of the present function is its ``**kwargs``."""
    function = m.frame.function
    return function is not None and any(p.name == name and p.kind == "kwargs" for p in function.node.params)
