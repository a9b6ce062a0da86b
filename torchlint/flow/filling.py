"""Weights and biases that a program fills with one number.

Worked example: after ``nn.init.constant_(fc.weight, 0.1)`` the cell ``(weight)`` of the layer holds the number, and
where it stands; after ``nn.init.xavier_uniform_(self.fc.weight)`` it holds that no number is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchlint.flow import expressions, models
from torchlint.flow.machine import Machine, flatten
from torchlint.flow.values import UNKNOWN, Alternatives, Const, Filled, Instance, Library, Object, Place, Value
from torchlint.syntax import ir

#: The parameters that are followed, with the cells that say what they were filled with.
CELLS = {"weight": "(weight)", "bias": "(bias)"}
#: Functions and methods that fill with one number, and the number, None where it is an argument.
FILLS = {"zeros_": 0.0, "ones_": 1.0, "constant_": None, "constant": None, "zero_": 0.0, "fill_": None}
#: Layers and containers of the largest model whose modules are listed.
MOST_MODULES = 64


def written(
    m: Machine,
    node: ir.Call,
    callee: Value,
    args: Sequence[Value],
    keywords: Mapping[str, Value],
) -> None:
    """A call is given a layer's weight or bias first, or is a method of it that changes it in place."""
    func, values = node.func, list(args)
    if isinstance(callee, Library) and node.args:
        target: ir.Expr = node.args[0]
        name = callee.name.rsplit(".", 1)[-1] if callee.name.startswith("torch.nn.init.") else ""
        values = values[1:]
    elif isinstance(func, ir.Attr) and func.name.endswith("_") and not func.name.endswith("__"):
        target, name = func.value, func.name
    elif node.args:
        target, name = node.args[0], ""
    else:
        return
    if isinstance(target, ir.Attr) and target.name == "data":
        target = target.value
    if not isinstance(target, ir.Attr) or target.name not in CELLS or name in ("requires_grad_", "detach_"):
        return
    number = FILLS.get(name)
    if number is None and name in FILLS:
        given = m.resolve(values[0] if values else keywords.get("val", keywords.get("value", UNKNOWN)))
        if isinstance(given, Const) and isinstance(given.value, (int, float)):
            number = float(given.value)
    found = flatten([m.resolve(expressions.evaluate(m, target.value))])
    for layer in found:
        if isinstance(layer, Object) and layer.kind == "module":
            sure = len(found) == 1 and not m.guard()
            value = Filled(number, Place(m.frame.path, node.n), sure)
            m.write(layer.attrs, CELLS[target.name], value)


def all_modules(m: Machine, owner: Value) -> list[Value] | None:
    """A model and all modules in it, as ``modules()`` gives them; None if they are not known, or too many."""
    found: list[Value] = []
    seen: set[int] = set()
    pending: list[object] = [owner]
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        assert isinstance(one, Value)
        found.append(one)
        if len(found) > MOST_MODULES:
            return None
        inner = _inside(m, one)
        if inner is None:
            return None
        pending.extend(reversed(inner))
    return found


def _inside(m: Machine, owner: Value) -> list[Value] | None:
    """The modules that a module holds itself; None if they are not known."""
    if not isinstance(owner, (Object, Instance)):
        return None
    if isinstance(owner, Object) and owner.kind != "container":
        return [] if owner.kind in ("module", "loss") else None
    inner: list[Value] = []
    if "()" in owner.attrs:
        children = owner.attrs["()"]
        if not isinstance(children, tuple):
            return None
        inner += [value for _, value in children]
    elif isinstance(owner, Object):
        return None
    if isinstance(owner, Instance):
        held = [value for key, value in owner.attrs.items() if not key.startswith("(")]
        if any(isinstance(value, Alternatives) for value in held):
            return None
        inner += [value for value in held if models.is_submodule(m, value)]
    return inner if all(models.is_submodule(m, value) for value in inner) else None
