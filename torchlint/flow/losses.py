"""Calls of library losses: recorded with their arguments, whichever way the program spells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchlint.flow.events import LossEvent
from torchlint.flow.interval import Interval
from torchlint.flow.library import tables
from torchlint.flow.machine import Machine
from torchlint.flow.shape import Shape
from torchlint.flow.spell import spell
from torchlint.flow.tensors import compared, grad_mode, tensor_inputs
from torchlint.flow.values import NONE, UNKNOWN, Const, Library, Meaning, Measured, Object, Place, Tensor, Trail, Value
from torchlint.syntax import ir


def functional(
    m: Machine,
    row: tables.Loss,
    args: Sequence[Value],
    keywords: Mapping[str, Value],
    place: Place,
    node: ir.Call | None,
    name: str,
) -> Value:
    """``F.binary_cross_entropy(input, target)``."""
    bound = row.call_parameters.bind(args, keywords)
    return _record(m, row, bound, place, node, name, node, place.path)


def module(
    m: Machine,
    loss: Object,
    args: Sequence[Value],
    keywords: Mapping[str, Value],
    place: Place,
    node: ir.Call | None,
) -> Value:
    """``criterion(input, target)``, the arguments of its construction included."""
    row = m.contracts.lookup(loss.name)
    if not isinstance(row, tables.Loss):
        return UNKNOWN
    bound = {**loss.arguments, **row.call_parameters.bind(args, keywords)}
    for name, value in loss.arguments.items():
        if name not in keywords and name in row.parameters.positional:
            bound[name] = value
    bound.update((name, value) for name, value in loss.attrs.items() if name in loss.arguments)  # set since
    made = loss.attrs.get("node")
    return _record(m, row, bound, place, node, loss.name, made if isinstance(made, ir.Call) else None,
                   loss.made.path if loss.made is not None else place.path)  # fmt: skip


def combined(op: str, left: Value, right: Value, place: Place) -> Value | None:
    """Two losses that are added, or one that is multiplied by a number, as segmentation_models_pytorch allows."""
    made = [v for v in (left, right) if isinstance(v, Object) and v.kind in ("loss", "losses")]
    if (op == "+" and len(made) == 2) or (op == "*" and len(made) == 1):
        return Object("losses", "losses", {}, {"parts": tuple(made)}, place)
    return None


def several(m: Machine, losses: Object, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    """A call of a sum of losses: each is called."""
    from torchlint.flow import objects

    results = [objects.call_object(m, loss, args, keywords, place, None) for loss in losses.attrs["parts"]]
    return results[0] if len(results) == 1 else next((r for r in results if isinstance(r, Tensor)), UNKNOWN)


def _record(
    m: Machine, row: tables.Loss, bound: dict[str, Value], place: Place, node: ir.Call | None, name: str,
    named: ir.Call | None, path: str,
) -> Value:  # fmt: skip
    """Note the call, and give its result. `named` is the call, in the file `path`, that spells the loss's name."""
    names = row.call_parameters.positional
    signature = row.call_parameters if named is node else row.parameters
    roles = row.roles
    first, given = (bound.get(role, UNKNOWN) for role in roles)
    second = compared(given)
    others = {key: value for key, value in bound.items() if key not in roles}
    texts, places = _texts(node, names, roles, place.path)
    tensors = tensor_inputs([first])
    source = tensors[0] if tensors else None
    takes, applies = _activation(m, row, bound, source)
    family = row.family if takes == "logits" or not row.mode else f"{row.family}-on-probabilities"
    taught = name in m.contracts.taught or row.name in m.contracts.taught
    reduction = _reduction(m, {"reduction": UNKNOWN, **bound} if taught else bound)
    kept = isinstance(reduction, Const) and reduction.value == "none"
    shape: Shape = ()
    if kept:
        shape = None if source is None else _unreduced(row, source, second)
    result = Tensor(
        None if taught else Interval(0.0, float("inf"), False),
        Meaning("loss"),
        "float",
        shape,
        _grad(tensors, tensor_inputs(list(bound.values()))),
        Trail(place, f"`{name.rsplit('.', 1)[-1]}`", source.trail if source is not None else None),
        source.run if source is not None else None,
        via=Measured(
            "loss",
            {"input": first, "target": second, "reduction": reduction},
            place,
            full=name,
            configured=None if named is None else Place(path, named.n),
            settings=others,
        ),
    )
    if not isinstance(reduction, Const):
        result = result.with_(shape=None)
    m.events.append(
        LossEvent(
            place, m.guard(), name, family, {**others, "input": first, "target": second}, texts[0], texts[1], m.group,
            takes, applies, row.target,
            Place(path, named.func.n) if named is not None and isinstance(named.func, (ir.Name, ir.Attr)) else None,
            places, result, reduction,
            Place(path, named.n) if named is not None else None, settings_at(named, signature, path),
            m.autocast,
            m.frame.called,
            row, taught, m.catching == m.loops,
        )
    )  # fmt: skip
    return grad_mode(m, result)


def _unreduced(row: tables.Loss, given: Tensor, target: Value) -> Shape:
    """The shape of a loss that is not reduced: one number for each sample and position, or for each value."""
    if given.shape is None:
        return None
    if row.per_class:
        return given.shape[:1] + given.shape[2:] if len(given.shape) > 1 else ()
    other = target.shape if isinstance(target, Tensor) else None
    return given.shape if other is None or other == given.shape or not row.broadcasts else None


def _grad(given: Sequence[Tensor], everything: Sequence[Tensor]) -> str | None:
    """Whether the loss depends on parameters. A target that is not known is taken to be data."""
    if any(t.grad == "attached" for t in everything):
        return "attached"
    return "detached" if given and all(t.grad == "detached" for t in given) else None


def settings_at(named: ir.Call | None, signature: tables.Signature, path: str) -> dict[str, Place]:
    """Where the arguments stand that are written in a call, by the names of its parameters."""
    if named is None:
        return {}
    places = {name: Place(path, arg.n) for name, arg in zip(signature.positional, named.args)}
    places.update({k.name: Place(path, k.value.n) for k in named.keywords if k.name is not None})
    return places


def _reduction(m: Machine, bound: dict[str, Value]) -> Value:
    """The reduction, where it is given as ``reduce`` and ``size_average`` too, which torch still takes and prefers."""
    legacy = [m.resolve(bound.get(name, Const(None))) for name in ("reduce", "size_average")]
    if all(isinstance(v, Const) and v.value is None for v in legacy):
        return m.resolve(bound.get("reduction", Const("mean")))
    reduce, average = (v.value if isinstance(v, Const) else ... for v in legacy)
    if reduce is False:
        return Const("none")
    if reduce in (True, None) and average in (True, None, False):
        return Const("sum" if average is False else "mean")
    return UNKNOWN


#: What losses of segmentation_models_pytorch call the activations that they apply.
NAMED = {"sigmoid": "sigmoid", "softmax": "softmax", "softmax2d": "softmax"}


def _activation(m: Machine, row: tables.Loss, bound: dict[str, Value], given: Tensor | None) -> tuple[str, str]:
    """What the loss takes, and the activation that it applies itself; arguments may decide on both (`Loss.mode`)."""
    if row.mode == "from-logits":
        raw = _flag(m, bound, "from_logits")
        if not raw:
            return ("unknown" if raw is None else "probability"), ""
        kinds = {"multiclass": "softmax", "binary": "sigmoid", "multilabel": "sigmoid"}
        return "logits", row.applies or kinds.get(_word(m, bound, "mode"), "")
    if row.mode == "by-mode":
        return "logits", "softmax" if _word(m, bound, "mode") == "multiclass" else ""
    if row.mode == "softmax-flag":
        softmax = _flag(m, bound, "use_softmax")
        return "logits", "" if softmax is None else "softmax" if softmax else "sigmoid"
    if row.mode == "activation-name":
        name = m.resolve(bound.get("activation", NONE))
        if isinstance(name, Const) and name.value in (None, "identity"):
            return "probability", ""
        applied = NAMED.get(_word(m, bound, "activation"), "")
        return ("logits", applied) if applied else ("unknown", "")
    if row.mode == "activation-flags":
        flags = {name: _flag(m, bound, name) for name in ("sigmoid", "softmax", "other_act")}
        if flags["sigmoid"]:
            return "logits", "sigmoid"
        if flags["softmax"]:
            shape = given.shape if given is not None else None
            alone = shape is not None and len(shape) > 1 and shape[1] == 1  # then the flag is ignored
            return ("probability", "") if alone else ("logits", "softmax")
        return ("unknown" if None in flags.values() or flags["other_act"] else "probability"), ""
    return row.takes, row.applies


def _word(m: Machine, bound: dict[str, Value], name: str) -> str:
    """An argument that is a constant, as text; or a name of a library that ends in ``_MODE``, which says the same."""
    value = m.resolve(bound.get(name, UNKNOWN))
    if isinstance(value, Library) and value.name.endswith("_MODE"):
        return value.name.rsplit(".", 1)[-1].removesuffix("_MODE").lower()
    return str(value.value) if isinstance(value, Const) else ""


def _flag(m: Machine, bound: dict[str, Value], name: str) -> bool | None:
    """Whether an argument is true; None if that is not known."""
    value = m.resolve(bound.get(name, NONE))
    return bool(value.value) if isinstance(value, Const) else None


def _texts(
    node: ir.Call | None, names: tuple[str, ...], roles: tuple[str, str], path: str
) -> tuple[tuple[str, str], tuple[Place | None, Place | None]]:
    """How the program spells the arguments that are the input and the target, and where they stand."""
    found: dict[str, ir.Expr] = {}
    if node is not None:
        for name, arg in zip(names, node.args):
            if isinstance(arg, ir.Starred):
                break
            found[name] = arg
        found.update((keyword.name, keyword.value) for keyword in node.keywords if keyword.name is not None)
    first, second = (found.get(role) for role in roles)
    return (
        ("" if first is None else spell(first), "" if second is None else spell(second)),
        (None if first is None else Place(path, first.n), None if second is None else Place(path, second.n)),
    )
