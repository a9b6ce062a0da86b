"""Tensors that a model keeps as plain attributes, so that it does not know of them.

Definitions
    lost      what is left of an ``nn.Parameter`` when it has been moved or multiplied: a tensor, no parameter
    trained   a tensor that asks for a gradient, as if it were a parameter
    constant  a tensor that a constructor makes of numbers or at random, and that ``forward`` computes with

Worked example: ``self.scale = nn.Parameter(torch.ones(1)).cuda()`` keeps what ``cuda`` gives, which is no parameter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from torchlint.facts.base import Fact, Occurrence
from torchlint.facts.hierarchy import (
    Assigned,
    Hierarchy,
    Scope,
    assignments,
    is_attribute,
    ordered,
    receiver_of,
    walk,
)
from torchlint.facts.submodules import Mentions, registers
from torchlint.flow.spell import spell
from torchlint.flow.values import Class, Place
from torchlint.syntax import ir

#: Methods of a parameter that give the parameter itself.
SAME = frozenset({"requires_grad_", "data"})

#: Functions of torch that make a tensor of numbers or at random, of more than one number for certain.
MAKING = frozenset(
    {
        "zeros", "ones", "randn", "rand", "arange", "linspace", "logspace", "eye", "full", "empty", "randperm",
        "randint", "normal", "tensor", "FloatTensor", "Tensor", "as_tensor", "from_numpy",
    }
)  # fmt: skip
RANDOM = frozenset({"randn", "rand", "randperm", "randint", "normal"})

#: Functions that a tensor comes through, and methods.
THROUGH = frozenset({"tril", "triu", "sqrt", "exp", "log", "sin", "cos", "flip", "stack", "cat", "outer", "abs", "pow"})

#: Methods that bring a tensor to where it is needed, or say that somebody thinks of that.
PLACING = frozenset({"to", "cuda", "type_as", "device", "get_device", "cpu", "numpy", "item", "tolist", "expand_as"})

Kind = Literal["lost", "listed", "trained", "constant"]


#: What makes parameters of tensors that it is given.
OF_PARAMETERS = frozenset({"ParameterList", "ParameterDict"})


class TensorKept(Fact, frozen=True):
    """A model keeps a tensor that is a parameter or a buffer in all but name.

    cls: the model; name: the attribute; kind: see the module's definitions, ``listed`` for parameters in a list or dict
    of Python; made: how the tensor is made; what: for ``listed``, ``list`` or ``dict``; random: whether it is drawn.
    value: the expression that the attribute is set to; after: for ``lost``, what is done to the parameter, as it is
    spelled. used: where ``forward`` computes with it.
    """

    cls: str
    name: str
    kind: Kind
    made: str
    value: Place
    what: str = ""
    random: bool = False
    after: str = ""
    used: Place | None = None


def kept(hierarchy: Hierarchy, mentions: Mentions) -> Iterator[Occurrence]:
    """Tensors in attributes of models that ought to be parameters or buffers."""
    moves = _moves_models(hierarchy)
    for cls in hierarchy.models:
        init = hierarchy.methods(cls).get("__init__")
        if init is None:
            continue
        scope = hierarchy.scope(cls, init)
        counted: dict[str, int] = {}
        for method in (m for base in cls.mro if isinstance(base, Class) for m in hierarchy.methods(base).values()):
            for one in assignments(method):
                counted[one.name] = counted.get(one.name, 0) + 1
        appended = _appended(init, scope)
        for one in assignments(init):
            fact = _lost(cls, one, scope) or _listed(hierarchy, cls, one, scope, appended)
            if fact is None and counted[one.name] == 1 and not one.under:
                fact = _trained(mentions, cls, one, scope)
                if fact is None and moves:
                    fact = _constant(hierarchy, cls, init, one, scope)
            if fact is not None:
                yield Occurrence(((fact,),))


def _fact(cls: Class, one: Assigned, kind: Kind, made: ir.Expr, **more: object) -> TensorKept:
    place, value = Place(cls.path, one.target.n), Place(cls.path, one.value.n)
    return TensorKept(place, "", cls.name, one.name, kind, spell(made), value, **more)  # type: ignore[arg-type]


# --- parameters --------------------------------------------------------------------------------------------------


def _lost(cls: Class, one: Assigned, scope: Scope) -> TensorKept | None:
    """``nn.Parameter(x).cuda()`` and ``nn.Parameter(x) * 0.1``."""
    node: ir.Expr = one.value
    while isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.name not in SAME:
        node = node.func.value
        if scope.kind(node) == "parameter":
            last = one.value.func.name if isinstance(one.value, ir.Call) and isinstance(one.value.func, ir.Attr) else ""
            if _on_the_cpu(one.value):
                return None
            return _fact(cls, one, "lost", node, after=f".{last}(…)")
    if isinstance(node, ir.BinOp) and node is one.value:
        for side in (node.left, node.right):
            if scope.kind(side) == "parameter":
                return _fact(cls, one, "lost", side, after=f" {node.op} …")
    return None


def _on_the_cpu(value: ir.Expr) -> bool:
    """Whether a parameter is only told to be where it is, or of what type it is."""
    return any(isinstance(part, ir.Const) and part.value == "cpu" for part in walk(value))


def _listed(
    hierarchy: Hierarchy, cls: Class, one: Assigned, scope: Scope, appended: dict[str, ir.Call]
) -> TensorKept | None:
    """``self.scales = [nn.Parameter(…) for …]``."""
    value, made = one.value, None
    if isinstance(value, (ir.ListExpr, ir.TupleExpr)):
        made = next((item for item in value.items if scope.kind(item) == "parameter"), None)
        if not value.items:
            made = appended.get(one.name)
    elif isinstance(value, ir.Comp) and value.kind in ("list", "dict"):
        item = value.value if value.kind == "dict" else value.elt
        made = item if scope.kind(item) == "parameter" else None
    elif isinstance(value, ir.DictExpr):
        made = next((item for item in value.values if scope.kind(item) == "parameter"), None)
    if made is None or registers(hierarchy, cls, one.name, OF_PARAMETERS):
        return None
    keyed = isinstance(value, ir.DictExpr) or (isinstance(value, ir.Comp) and value.kind == "dict")
    return _fact(cls, one, "listed", made, what="dict" if keyed else "list")


def _appended(init: ir.FunctionDef, scope: Scope) -> dict[str, ir.Call]:
    """The parameters that a constructor appends to lists of its object."""
    found: dict[str, ir.Call] = {}
    receiver = receiver_of(init)
    for call in walk(init, into=False):
        if isinstance(call, ir.Call) and isinstance(call.func, ir.Attr) and call.func.name == "append" and call.args:
            owner, made = call.func.value, call.args[0]
            if is_attribute(owner, receiver) and isinstance(made, ir.Call) and scope.kind(made) == "parameter":
                found.setdefault(owner.name, made)
    return found


def _trained(mentions: Mentions, cls: Class, one: Assigned, scope: Scope) -> TensorKept | None:
    """``self.bias = torch.zeros(3, requires_grad=True)``, which nothing else in the program asks for."""
    if not isinstance(one.value, ir.Call):
        return None
    full = scope.library(one.value.func)
    wanted = any(k.name == "requires_grad" and isinstance(k.value, ir.Const) and k.value.value is True
                 for k in one.value.keywords)  # fmt: skip
    if not wanted or not full.startswith("torch.") or full.endswith("Parameter") or one.name in mentions.elsewhere:
        return None
    return _fact(cls, one, "trained", one.value)


# --- constants ---------------------------------------------------------------------------------------------------


def _moves_models(hierarchy: Hierarchy) -> bool:
    """Whether the program brings models to a device."""
    return any({"cuda", "device"} & set(function.node.uses) for function in hierarchy.m.functions
               if isinstance(function.node, ir.FunctionDef)) or any(
        unit.module is not None and {"cuda", "device"} & set(unit.module.uses)
        for unit in hierarchy.m.project.units.values()
    )  # fmt: skip


def _constant(hierarchy: Hierarchy, cls: Class, init: ir.FunctionDef, one: Assigned, scope: Scope) -> TensorKept | None:
    """A tensor that the constructor makes, and ``forward`` computes with wherever its input is."""
    made = _made(one.value, init, scope)
    if made is None or not hierarchy.is_closed(cls) or registers(hierarchy, cls, one.name, OF_PARAMETERS):
        return None
    used: Place | None = None
    for base in (*cls.mro, *hierarchy.derived.get(id(cls.node), ())):
        if not isinstance(base, Class):
            continue
        for method in hierarchy.methods(base).values():
            receiver = receiver_of(method)
            for outer in walk(method):
                inside = [n for n in _direct(outer) if is_attribute(n, receiver) and n.name == one.name]
                if not inside:
                    continue
                if isinstance(outer, ir.BinOp) and method.name == "forward":
                    used = used or Place(base.path, inside[0].n)
                elif method is not init or isinstance(outer, (ir.AugAssign, ir.Attr)):
                    return None
            if method.name == "forward" and not PLACING.isdisjoint(method.uses):
                return None
    if used is None:
        return None
    return _fact(cls, one, "constant", made, random=spell(made.func).rpartition(".")[2] in RANDOM, used=used)


def _direct(node: ir.Node) -> Iterator[ir.Node]:
    """The expressions directly in a node; those of a keyword belong to its call."""
    for name in node.__struct_fields__:
        value = getattr(node, name)
        for one in value if isinstance(value, list) else (value,):
            if isinstance(one, ir.Keyword):
                yield one.value
            elif isinstance(one, ir.Node):
                yield one


def _made(value: ir.Expr, init: ir.FunctionDef, scope: Scope, depth: int = 0) -> ir.Call | None:
    """The call that makes a tensor of several numbers, without a device, through whatever else is done with it."""
    if depth > 5:
        return None
    if isinstance(value, ir.Name):
        values = [s.value for s, _ in ordered(init.body) if isinstance(s, ir.Assign)
                  and any(isinstance(t, ir.Name) and t.name == value.name for t in s.targets)]  # fmt: skip
        return _made(values[0], init, scope, depth + 1) if len(values) == 1 else None
    if isinstance(value, ir.BinOp):
        sides = [_made(side, init, scope, depth + 1) for side in (value.left, value.right)]
        return next((side for side in sides if side is not None), None)
    if not isinstance(value, ir.Call):
        return None
    if any(k.name in ("device", "requires_grad", None) for k in value.keywords):
        return None
    full = scope.library(value.func)
    last = full.rpartition(".")[2]
    if full.startswith("torch.") and last in MAKING:
        data = value.args[0] if value.args else None
        if last in ("tensor", "as_tensor", "FloatTensor", "Tensor", "from_numpy"):
            return value if isinstance(data, (ir.ListExpr, ir.TupleExpr)) else None
        return value
    if full.startswith("torch.") and last in THROUGH and value.args:
        return _made(value.args[0], init, scope, depth + 1)
    if isinstance(value.func, ir.Attr) and not full and value.func.name not in PLACING:
        return _made(value.func.value, init, scope, depth + 1)
    return None
