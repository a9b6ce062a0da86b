"""What an expression is worth: one function a node of the IR."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torchlint.flow import attributes, builtins, calls, data, join, losses, subscripts, tensors
from torchlint.flow.library import apply
from torchlint.flow.library.operators import NAMES
from torchlint.flow.library.reading import dtype_name
from torchlint.flow.machine import NEXT, Frame, Machine
from torchlint.flow.observing import observe
from torchlint.flow.spell import spell
from torchlint.flow.values import (
    FALSE,
    NONE,
    TRUE,
    UNKNOWN,
    Alternatives,
    Chance,
    Class,
    Const,
    Dict,
    Function,
    Instance,
    Library,
    Number,
    Object,
    Tensor,
    Text,
    Tuple,
    Unknown,
    Value,
    Via,
    list_of,
    make_list,
)
from torchlint.syntax import ir


def evaluate(m: Machine, node: ir.Expr) -> Value:
    """The abstract value of an expression on the present path.

    Raises:
        Exhausted: the root's budget is used up.
    """
    m.steps += 1
    if m.steps > m.pause:
        m.tick()
    if m.recorder is None:
        return TABLE[type(node)](m, node)
    value = TABLE[type(node)](m, node)
    m.recorder.note(m.frame.path, node.n, value)
    return value


def _const(m: Machine, node: ir.Const) -> Value:
    value = node.value
    if value is None:
        return NONE
    if value is True:
        return TRUE
    if value is False:
        return FALSE
    return Const(value)


def _unknown(m: Machine, node: Any) -> Value:
    return UNKNOWN


def _dots(m: Machine, node: ir.Dots) -> Value:
    return apply.ELLIPSIS


def _opaque(m: Machine, node: ir.Opaque) -> Value:
    values = [evaluate(m, child) for child in node.children]
    if m.frame.yields is not None:
        m.frame.yields.append(values[0] if len(values) == 1 else NONE if not values else UNKNOWN)
    return UNKNOWN


def _name(m: Machine, node: ir.Name) -> Value:
    value = m.look_up(node.name)
    if value is not None:
        return value
    return builtins.name(m, node.name)


def _attr(m: Machine, node: ir.Attr) -> Value:
    return attributes.get(m, evaluate(m, node.value), node.name, node.n)


def _subscript(m: Machine, node: ir.Subscript) -> Value:
    base = evaluate(m, node.value)
    index = evaluate(m, node.index)
    return subscripts.get(m, base, index, m.place(node.n))


def _slice(m: Machine, node: ir.Slice) -> Value:
    parts = [NONE if p is None else evaluate(m, p) for p in (node.lower, node.upper, node.step)]
    return subscripts.Slice(*parts)


def _items(m: Machine, nodes: list[ir.Expr]) -> list[Value] | None:
    """The values of a display; None where a starred part has an unknown number."""
    out: list[Value] = []
    known = True
    for item in nodes:
        if isinstance(item, ir.Starred):
            items = builtins.items_of(m, evaluate(m, item.value))
            if items is None:
                known = False
            else:
                out.extend(items)
        else:
            out.append(evaluate(m, item))
    return out if known else None


def _tuple(m: Machine, node: ir.TupleExpr) -> Value:
    items = _items(m, node.items)
    return list_of(UNKNOWN) if items is None else Tuple(tuple(items))


def _list(m: Machine, node: ir.ListExpr) -> Value:
    items = _items(m, node.items)
    return list_of(UNKNOWN) if items is None else make_list(items)


def _set(m: Machine, node: ir.SetExpr) -> Value:
    items = _items(m, node.items)
    return list_of(UNKNOWN, "set") if items is None else make_list(items, "set")


def _dict(m: Machine, node: ir.DictExpr) -> Value:
    out = Dict({})
    for key, value in zip(node.keys, node.values):
        if key is None:
            other = m.resolve(evaluate(m, value))
            if isinstance(other, Dict):
                out.items.update(other.items)
                out.meta["open"] = out.meta["open"] or other.meta["open"]
            else:
                out.meta["open"] = True
            continue
        k, v = m.resolve(evaluate(m, key)), evaluate(m, value)
        if isinstance(k, Const):
            out.items[k.value] = v
        else:
            out.meta["open"] = True
            m.write(out.meta, "element", v)
            if isinstance(k, Library):
                out.meta["named"] = {**out.meta.get("named", {}), k.name: v}
    return out


def binary(
    m: Machine, op: str, left: Value, right: Value, n: int, text: str, node: ir.Expr | None = None
) -> Value:  # fmt: skip
    """``left op right`` for any two values; `node` is the expression, if it is one."""
    m.calls += 1
    call = m.calls

    def one(pair: list[Value]) -> Value:
        a, b = pair
        if isinstance(a, Const) and isinstance(b, Const):
            return builtins.fold(op, a.value, b.value)
        if op == "%" and isinstance(a, Const) and isinstance(a.value, str) and isinstance(b, Tuple):
            known = [v.value for v in b.items if isinstance(v, Const)]
            return builtins.formatted(a.value, known) if len(known) == len(b.items) else Text()
        if isinstance(a, Tensor) or isinstance(b, Tensor):
            result = apply.binary(op, a, b, m.place(n), text)
            observe(m, result, text, call, node)
            return tensors.grad_mode(m, result)
        if isinstance(a, (Const, Number)) and isinstance(b, (Const, Number)):
            return builtins.number(op, a, b)
        if op == "+" and data.is_dataset(a) and data.is_dataset(b):
            return Object("concat", "torch.utils.data.ConcatDataset", {"datasets": Tuple((a, b))}, {}, m.place(n))
        if isinstance(a, Instance):
            return calls.operator(m, a, op, b, m.place(n))
        if isinstance(a, Object) or isinstance(b, Object):
            return losses.combined(op, a, b, m.place(n)) or UNKNOWN
        result = builtins.sequence_operator(m, op, a, b)
        if isinstance(result, Unknown) and result.blank and (type(a) is Unknown or type(b) is Unknown):
            return apply.unknown_binary(op, a, b, m.place(n))
        return result

    if type(left) is Alternatives or type(right) is Alternatives:
        return m.over([left, right], one)
    return one([left, right])


def _binop(m: Machine, node: ir.BinOp) -> Value:
    left: ir.Expr = node
    chain: list[ir.BinOp] = []
    while isinstance(left, ir.BinOp):
        chain.append(left)
        left = left.left
    value = evaluate(m, left)
    for step in reversed(chain):
        right = evaluate(m, step.right)
        tensor = isinstance(value, (Tensor, Alternatives)) or isinstance(right, (Tensor, Alternatives))
        value = binary(m, step.op, value, right, step.n, spell(step) if tensor else "", step)
    return value


def _unary(m: Machine, node: ir.UnaryOp) -> Value:
    value = evaluate(m, node.operand)
    if node.op == "not":
        return negation(m, value)

    def one(values: list[Value]) -> Value:
        operand = values[0]
        if isinstance(operand, Tensor):
            return apply.unary(node.op, operand, m.place(node.n), spell(node))
        if isinstance(operand, Const):
            return builtins.fold_unary(node.op, operand.value)
        return Number() if isinstance(operand, Number) else UNKNOWN

    return m.over([value], one)


def negation(m: Machine, value: Value) -> Value:
    """``not value``; an unknown with a name keeps it, so that both sides of the test agree."""
    if isinstance(value, Unknown):
        return Unknown(("not", value.key)) if value.key is not None else UNKNOWN
    ways = m.decide(value)
    if len(ways) == 1 and not ways[0][0]:
        return FALSE if ways[0][1] else TRUE
    return join.alternatives([(guard, FALSE if truth else TRUE) for guard, truth in ways])


def _boolop(m: Machine, node: ir.BoolOp) -> Value:
    return _bool_values(m, node.op == "and", node.values)


def _bool_values(m: Machine, conjunction: bool, nodes: list[ir.Expr]) -> Value:
    value = evaluate(m, nodes[0])
    if len(nodes) == 1:
        return value
    options: list[tuple[Any, Value]] = []
    saved = m.path
    for guard, truth in m.decide(value):
        m.path = m.under(guard) if guard else saved
        if truth == conjunction:
            options.append((guard, _bool_values(m, conjunction, nodes[1:])))
        else:
            options.append(
                (
                    guard,
                    join.resolve(value, m.path)
                    if not isinstance(value, Unknown)
                    else (FALSE if conjunction else value),
                )
            )
        m.path = saved
    return join.alternatives(options)


#: Comparisons read from the other side.
FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _compare(m: Machine, node: ir.Compare) -> Value:
    left = evaluate(m, node.left)
    result: Value = TRUE
    for i, (op, right_node) in enumerate(zip(node.ops, node.comparators)):
        right = evaluate(m, right_node)
        m.calls += 1
        one = m.over([left, right], partial(_compare_pair, m, op, node, m.calls))
        if i == 0:
            result = one
        else:
            ways = m.decide(result)
            result = one if len(ways) == 1 and ways[0][1] else UNKNOWN
        left = right
    return result


def _compare_pair(m: Machine, op: str, node: ir.Compare, call: int, pair: list[Value]) -> Value:
    result = _compare_one(m, op, pair[0], pair[1], node)
    left, right = pair
    if op in FLIPPED and not isinstance(left, Tensor) and isinstance(right, Tensor):
        flipped = Via(NAMES[FLIPPED[op]], {"input": right, "other": left}, m.place(node.n))
        sides = ir.Compare(node.n, node.comparators[0], [FLIPPED[op]], [node.left])
        observe(m, Tensor(via=flipped), spell(node), call, sides)
    elif isinstance(result, Tensor):
        observe(m, result, spell(node), call, node)
    elif isinstance(left, Number) and left.via is not None and op in NAMES:
        tensor = next(iter(left.via.arguments.values()), left)
        observe(m, Tensor(via=Via(NAMES[op], {"input": tensor, "other": right}, m.place(node.n))), spell(node), call)
    return result


def _compare_one(m: Machine, op: str, a: Value, b: Value, node: ir.Compare) -> Value:
    if op in ("is not", "not in", "!="):
        positive = {"is not": "is", "not in": "in", "!=": "=="}[op]
        if op == "!=" and (isinstance(a, Tensor) or isinstance(b, Tensor)):
            return apply.binary(op, a, b, m.place(node.n), spell(node))
        return negation(m, _compare_one(m, positive, a, b, node))
    if op == "in":
        return builtins.contains(m, a, b)
    if op == "is":
        return builtins.identical(a, b)
    if isinstance(a, Const) and isinstance(b, Const):
        return builtins.fold_compare(op, a.value, b.value)
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return apply.binary(op, a, b, m.place(node.n), spell(node))
    if isinstance(a, Unknown) and a.key is not None and isinstance(b, Const):
        return Unknown((op, a.key, b.value))
    if isinstance(b, Unknown) and b.key is not None and isinstance(a, Const) and op == "==":
        return Unknown((op, b.key, a.value))
    if op == "==" and (dtypes := _same_dtype(a, b)) is not None:
        return dtypes
    if op == "==" and isinstance(a, (Const, Tuple, Function, Class)) and type(a) is type(b):
        return builtins.same(a, b)
    if (
        op == "=="
        and {type(a), type(b)} & {Function, Class, Instance, Object, Library}
        and (isinstance(a, Const) or isinstance(b, Const))
    ):
        return FALSE
    result = builtins.compare_numbers(op, a, b)
    if result is not UNKNOWN or not (isinstance(a, Chance) or isinstance(b, Chance)):
        return result
    return Unknown(m.draw_key(a, op, b) if isinstance(a, Chance) else m.draw_key(b, FLIPPED.get(op, op), a))


def _same_dtype(a: Value, b: Value) -> Value | None:
    """Whether two dtypes of one library are the same, or one of numpy has a name; None if these are none."""
    if isinstance(a, Const):
        a, b = b, a
    if not isinstance(a, Library) or not isinstance(b, (Library, Const)):
        return None
    root, left, right = a.name.partition(".")[0], dtype_name(a), dtype_name(b)
    if left is None or right is None or (isinstance(b, Const) and root != "numpy"):
        return None
    return TRUE if left == right else FALSE if isinstance(b, Const) or b.name.partition(".")[0] == root else None


def _ifexp(m: Machine, node: ir.IfExp) -> Value:
    ways = m.decide(evaluate(m, node.test))
    if len(ways) == 1:
        return evaluate(m, node.body if ways[0][1] else node.orelse)
    results: list[tuple[Any, Value]] = []

    def arm(guard: Any, truth: bool) -> Callable[[], int]:
        def run() -> int:
            results.append((guard, evaluate(m, node.body if truth else node.orelse)))
            return NEXT

        return run

    saved = m.path
    m.branch([(guard, arm(guard, truth)) for guard, truth in ways])
    m.path = saved
    return join.alternatives(results)


def _lambda(m: Machine, node: ir.Lambda) -> Value:
    return make_function(m, node, node.params)


def make_function(m: Machine, node: ir.FunctionDef | ir.Lambda, params: list[ir.Param]) -> Function:
    """A function value: defaults evaluated now, the enclosing scopes closed over."""
    frame = m.frame
    defaults = {p.name: evaluate(m, p.default) for p in params if p.default is not None}
    in_class = frame.owner is not None and frame.function is None and frame.vars is frame.owner.attrs
    closure = frame.closure
    if frame.vars is not frame.module.attrs and not in_class:
        closure = (frame.vars, *frame.closure)
    return Function(node, frame.path, closure, frame.module, defaults, frame.owner if in_class else None)


def _comp(m: Machine, node: ir.Comp) -> Value:
    frame = m.frame
    inner = Frame(
        {}, (frame.vars, *frame.closure) if frame.vars is not frame.module.attrs else frame.closure, frame.module,
        frame.path, frame.function, frame.owner, frame.receiver,
    )  # fmt: skip
    inner.yields = frame.yields
    m.push(inner)
    try:
        out: list[tuple[Value, Value]] = []
        exact = _generate(m, node, 0, out)
    finally:
        m.pop()
    if node.kind == "dict":
        result = Dict({})
        for key, value in out:
            key = m.resolve(key)
            if isinstance(key, Const):
                result.items[key.value] = value
            else:
                result.meta["open"] = True
                result.meta["element"] = value
        result.meta["open"] = result.meta["open"] or not exact
        return result
    kind = "set" if node.kind == "set" else "list"
    if exact:
        return make_list((v for v, _ in out), kind)
    return list_of(join.summary(v for v, _ in out) if out else UNKNOWN, kind)


def _generate(m: Machine, node: ir.Comp, level: int, out: list[tuple[Value, Value]]) -> bool:
    """Run the clauses from `level` on; true if every element is there exactly once."""
    if level == len(node.generators):
        value = NONE if node.value is None else evaluate(m, node.value)
        out.append((evaluate(m, node.elt), value))
        return True
    clause = node.generators[level]
    if level:
        m.path = m.frame.entry
    iterable = evaluate(m, clause.iter)
    items = builtins.items_of(m, iterable)
    exact = items is not None and len(items) <= 64
    for item in items if items is not None and exact else [builtins.element(m, iterable, m.place(node.n))]:
        subscripts.assign(m, clause.target, item)
        keep, certain = True, True
        for test in clause.ifs:
            ways = m.decide(evaluate(m, test))
            truths = {truth for _, truth in ways}
            keep = keep and True in truths
            certain = certain and len(truths) == 1
        if keep:
            exact = _generate(m, node, level + 1, out) and exact and certain
    return exact


def _format(m: Machine, node: ir.Format) -> Value:
    texts: list[str] = []
    known = True
    for part in node.parts:
        value = m.resolve(evaluate(m, part))
        if isinstance(value, Const):
            texts.append(str(value.value))
        else:
            known = False
    return Const("".join(texts)) if known else Text()


def _walrus(m: Machine, node: ir.Walrus) -> Value:
    value = evaluate(m, node.value)
    subscripts.assign(m, node.target, value)
    return value


def _await(m: Machine, node: ir.Await) -> Value:
    return evaluate(m, node.value)


def _call(m: Machine, node: ir.Call) -> Value:
    return calls.call_node(m, node)


TABLE: dict[type, Callable[[Machine, Any], Value]] = {
    ir.Const: _const, ir.Bytes: _unknown, ir.Dots: _dots, ir.Opaque: _opaque, ir.Name: _name, ir.Attr: _attr,
    ir.Call: _call, ir.Starred: _unknown, ir.Slice: _slice, ir.Subscript: _subscript, ir.TupleExpr: _tuple,
    ir.ListExpr: _list, ir.SetExpr: _set, ir.DictExpr: _dict, ir.BinOp: _binop, ir.UnaryOp: _unary,
    ir.BoolOp: _boolop, ir.Compare: _compare, ir.IfExp: _ifexp, ir.Lambda: _lambda, ir.Comp: _comp,
    ir.Format: _format, ir.Walrus: _walrus, ir.Await: _await,
}  # fmt: skip
