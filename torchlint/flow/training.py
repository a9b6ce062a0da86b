"""Optimizers, schedulers, scalers: what they do to a training iteration, recorded as events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchlint.flow.events import StepEvent
from torchlint.flow.machine import Machine, flatten
from torchlint.flow.values import (
    NONE,
    UNKNOWN,
    Bound,
    Dict,
    Function,
    Number,
    Object,
    Place,
    Tensor,
    Tuple,
    Value,
    list_of,
)
from torchlint.syntax import ir


def record(m: Machine, kind: str, subject: Value | None, name: str, place: Place) -> None:
    """Note one event of an iteration."""
    m.events.append(StepEvent(place, m.guard(), kind, subject, name, m.loops, m.catching == m.loops))


def cleared(m: Machine, subject: Value | None, place: Place) -> None:
    """Gradients were set to zero or None by hand."""
    record(m, "zero_grad", subject, "", place)


def clears_gradient(func: ir.Attr) -> bool:
    """Whether ``….grad.zero_()`` or the like is called."""
    node: ir.Expr = func.value
    while isinstance(node, ir.Attr):
        if node.name == "grad":
            return func.name in ("zero_", "fill_", "mul_", "detach_", "copy_")
        node = node.value
    return False


def is_data(node: ir.Expr) -> bool:
    """Whether an expression is ``x.data`` or ``x.grad``, which in-place methods do not rebind."""
    return isinstance(node, ir.Attr) and node.name in ("data", "grad")


def unknown_method(m: Machine, func: ir.Attr, args: Sequence[Value], place: Place) -> None:
    """A method of something unknown may still be a part of the iteration."""
    if func.name == "backward" or func.name == "manual_backward":
        passed = m.resolve(args[0]) if len(args) == 1 else None
        engine = isinstance(passed, Number) or (isinstance(passed, Tensor) and passed.shape == ())
        record(m, "backward", passed if engine else None, "", place)
    elif func.name == "zero_grad":
        record(m, "zero_grad", None, "", place)
    elif clears_gradient(func):
        cleared(m, None, place)
    else:
        unknown_call(m, args, {}, place)


def unknown_call(m: Machine, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> None:
    """Something unknown that is given an optimizer may clear its gradients."""
    for value in flatten([*args, *keywords.values()]):
        if isinstance(value, Object) and value.kind == "optimizer":
            record(m, "unknown", value, "", place)


def call_method(
    m: Machine, owner: Object, name: str, args: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> Value:
    """A method of an optimizer, scheduler or gradient scaler."""
    if owner.kind == "optimizer":
        return _optimizer(m, owner, name, args, keywords, place)
    if owner.kind == "scaler":
        if name == "scale" and args:
            return args[0]
        if name == "step" and args:
            for optimizer in flatten([m.resolve(args[0])]):
                record(m, "step", optimizer if isinstance(optimizer, Object) else None, m.stepped, place)
            return NONE
        return UNKNOWN
    if name == "state_dict":
        return Dict({}, {"open": True})
    return list_of(UNKNOWN) if name in ("get_last_lr", "get_lr") else NONE


def _optimizer(
    m: Machine, owner: Object, name: str, args: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> Value:
    if name == "step":
        closure = m.resolve(args[0]) if args else keywords.get("closure")
        if closure is not None:
            from torchlint.flow import calls

            if isinstance(closure, Function):
                calls.call(m, closure, [], {}, place)
            else:
                record(m, "unknown", owner, "", place)
        record(m, "step", owner, m.stepped, place)
        return NONE
    if name == "zero_grad":
        record(m, "zero_grad", owner, "", place)
        return NONE
    if name == "state_dict":
        return Dict({}, {"open": True})
    return UNKNOWN


def is_scaler(callee: Value) -> bool:
    """Whether a method of a gradient scaler is called."""
    return isinstance(callee, Bound) and isinstance(callee.receiver, Object) and callee.receiver.kind == "scaler"


def parameters(owner: Value) -> Value:
    """What ``model.parameters()`` gives: a list whose origin is known."""
    result = list_of(UNKNOWN)
    result.attrs["of"] = owner
    return result


#: Methods of `Accelerator` and `Fabric` that give what they are given, on another device or from all of them.
GIVES_BACK = frozenset(
    {
        "setup_module", "prepare_model", "prepare_data_loader", "prepare_optimizer", "prepare_scheduler",
        "unwrap_model", "gather", "gather_for_metrics", "reduce", "pad_across_processes", "all_gather", "all_reduce",
        "to_device", "broadcast",
    }
)  # fmt: skip


def accelerator_method(
    m: Machine, name: str, args: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> Value:
    """Hugging Face's ``Accelerator`` and Lightning's ``Fabric``: thin wrappers round the training loop."""
    if name == "backward":
        record(m, "backward", args[0] if args else None, "", place)
        return NONE
    if name in ("prepare", "setup", "setup_dataloaders", "setup_optimizers"):
        return args[0] if len(args) == 1 else Tuple(tuple(args))
    if name in GIVES_BACK and args:
        return args[0]
    if name == "accumulate":
        return Object("context", "accumulate", {}, {}, place)
    return UNKNOWN
