"""Calls: arguments, functions of the project, classes, bound methods, and the way to the library's handlers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchlint.flow import (
    architectures,
    attributes,
    builtins,
    copies,
    data,
    dynamic,
    expressions,
    filling,
    inplace,
    join,
    layers,
    models,
    objects,
    records,
    statements,
    taught,
    tensors,
    training,
)
from torchlint.flow.budget import SHARE, SHARED_DEPTH, Exhausted
from torchlint.flow.machine import NEXT, Frame, Machine, flatten
from torchlint.flow.spell import spell
from torchlint.flow.values import (
    NONE,
    REST,
    UNKNOWN,
    Alternatives,
    Bound,
    Class,
    Const,
    Dict,
    Function,
    Guard,
    Instance,
    Library,
    List,
    Object,
    Origin,
    Partial,
    Place,
    Rest,
    Tensor,
    Tuple,
    Unknown,
    Unsure,
    Value,
    Via,
    because,
    has_rest,
    list_of,
    rest_of,
)
from torchlint.syntax import ir

#: What is said of what these leave unknown.
PASSED_BY_NOTHING = Origin("is a parameter that nothing passes")
SPENT = because("is given by a function whose budget ran out")
TOO_DEEP = because("is given by a function that calls itself, or is nested too deeply")

#: A keyword that stands for any number of arguments beside those of named parameters.
EXTRA = "(extra)"

Keywords = dict[str, Value]


def call_node(m: Machine, node: ir.Call) -> Value:
    """A call as it stands in the program."""
    callee = expressions.evaluate(m, node.func)
    args, keywords = arguments(m, node)
    if type(callee) is Bound and callee.function == "super()":
        callee = callee.receiver
    func = node.func
    if isinstance(func, ir.Attr) and func.name == "step":
        m.stepped = spell(node.args[0] if node.args and training.is_scaler(callee) else func.value)
    m.calling = m.place(node.n)
    m.passing = _written(node, args, keywords)
    filling.written(m, node, callee, args, keywords)
    several = None
    for i, argument in enumerate(args):
        if type(argument) is Rest and argument.variants:
            several = i
            break
    if several is None:
        result = call(m, callee, args, keywords, m.calling, node)
    else:
        result = _call_variants(m, callee, args, several, keywords, node)
    if isinstance(func, ir.Attr):
        if isinstance(callee, Unknown):
            place = m.place(node.n)
            known = tensors.of_unknown(func.name, args, keywords)
            if isinstance(known, Tensor):
                return tensors.call_method(m, _as_tensor(callee), func.name, args, keywords, place, node)
            if known is not None:
                return known
            training.unknown_method(m, func, args, place)
            if (sink := m.contracts.sink(func.name)) is not None:
                return data.sink(m, sink, args, keywords, place, node)
            unknown = isinstance(result, Unknown) and result.blank
            if callee.via is not None and callee.via.op == "." and unknown:
                return _of_unknown(m, callee.via, callee.grad, func.name, args, keywords, place)
        elif func.name.endswith("_") and not func.name.endswith("__"):
            _in_place(m, func, callee, result, m.place(node.n))
        elif (changed := inplace.changed(m, callee, args, keywords, result)) is not None:
            _in_place(m, func, callee, changed, m.place(node.n))
            return NONE
    elif isinstance(callee, Unknown):
        training.unknown_call(m, args, keywords, m.place(node.n))
    return result


def _written(node: ir.Call, args: list[Value], keywords: Keywords) -> tuple[tuple[Value, ir.Expr], ...]:
    """The values of a call's arguments, each with the expression that stands for it."""
    named = [(keywords[k.name], k.value) for k in node.keywords if k.name in keywords] if keywords else []
    nodes = node.args
    if len(args) != len(nodes):
        return tuple(named)
    for argument in nodes:
        if type(argument) is ir.Starred:
            return tuple(named)
    return (*zip(args, nodes), *named)


def _call_variants(m: Machine, callee: Value, args: list[Value], at: int, keywords: Keywords, node: ir.Call) -> Value:
    """A call whose starred argument is a list of a different length under each guard."""
    rest = args[at]
    assert isinstance(rest, Rest)
    results: list[tuple[Guard, Value]] = []
    arms = []
    for guard, items in rest.variants:

        def run(guard: Guard = guard, items: tuple[Value, ...] = items) -> int:
            given = [*args[:at], *map(m.resolve, items), *args[at + 1 :]]
            results.append((guard, call(m, callee, given, keywords, m.place(node.n), node)))
            return NEXT

        if join.compatible(guard, m.path):
            arms.append((guard, run))
    saved = m.path
    m.branch(arms)
    m.path = saved
    return join.alternatives(results)


def _as_tensor(callee: Unknown) -> Tensor:
    """The receiver of a method that only tensors have, by what the method is known as."""
    via = callee.via
    if via is None or via.op != ".":
        return Tensor(grad=callee.grad)
    receiver = tensors.compared(via.arguments["input"])
    if isinstance(receiver, Tensor):
        return receiver
    return Tensor(grad=callee.grad, via=Via("identity", via.arguments, via.place))


def _of_unknown(
    m: Machine, via: Via, grad: str | None, name: str, args: Sequence[Value], keywords: Keywords, place: Place
) -> Value:
    """What a method gives that tensors have, of something unknown: nothing more is known, but how it came to be."""
    row = m.contracts.method(name)
    if row is None or "input" not in via.arguments:
        return UNKNOWN  # an attribute that holds something unknown, and is called
    bound = row.parameters.bind([via.arguments["input"], *args], keywords)
    known = all(isinstance(a, Const) or getattr(a, "grad", None) == "detached" for a in [*args, *keywords.values()])
    return Unknown(None, Via(row.verb, bound, place), grad if known else None)


def _in_place(m: Machine, func: ir.Attr, callee: Value, result: Value, place: Place) -> None:
    """An in-place method gives its receiver a new value."""
    if training.clears_gradient(func):
        training.cleared(m, None, place)
    if func.name == "copy_":
        layers.weights_written(m, func.value)
    receivers = [c.receiver for c in flatten([callee]) if isinstance(c, Bound)]
    if not receivers or not all(isinstance(r, Tensor) for r in receivers):
        return
    for receiver in receivers:
        _forget_whole(m, receiver)
    target: ir.Expr = func.value
    while isinstance(target, ir.Call) and isinstance(target.func, ir.Attr) and target.func.name.endswith("_"):
        target = target.func.value  # in-place methods give their receiver back
    if isinstance(target, ir.Attr) and target.name == "data":
        target = target.value
        owners = flatten([m.resolve(expressions.evaluate(m, target))])
        if not all(isinstance(owner, Tensor) and owner.grad != "attached" for owner in owners):
            return  # weights are trained later, so what they are filled with does not last
    if isinstance(target, (ir.Name, ir.Attr)) and not training.is_data(target):
        expressions.evaluate(m, target)
        from torchlint.flow import subscripts

        subscripts.assign(m, target, result)


#: Operations whose result is a part of what they work on, or that in another shape.
VIEWS = frozenset(
    {"select", "unbind", "narrow", "chunk", "split", "view", "permute", "transpose", "squeeze", "unsqueeze"}
)


def _forget_whole(m: Machine, part: Value) -> None:
    """Where a part of a tensor is changed in place, nothing is known any more of the values of the whole."""
    while isinstance(part, Tensor) and part.via is not None and part.via.op in VIEWS:
        part = next(iter(part.via.arguments.values()), UNKNOWN)
        if not isinstance(part, Tensor) or part.via is None:
            return
        for frame in (m.frame, *m.frames):
            for name, value in list(frame.vars.items()):
                if isinstance(value, Tensor) and value.via is part.via:
                    m.write(frame.vars, name, value.with_(range=None, meaning=None, via=None))


def arguments(m: Machine, node: ir.Call) -> tuple[list[Value], Keywords]:
    """The evaluated arguments of a call; a `Rest` where a starred one has an unknown number."""
    args: list[Value] = []
    for arg in node.args:
        if isinstance(arg, ir.Starred):
            value = expressions.evaluate(m, arg.value)
            items = builtins.items_of(m, value)
            if items is not None:
                args.extend(items)
            elif isinstance(m.resolve(value), Alternatives):
                args.extend(_spread(m, value))
            elif isinstance(value, List) and isinstance(value.content, Unsure):
                content = value.content
                args.extend((rest_of(content.element, content.variants), *(() if content.variants else content.tail)))
            else:
                args.append(rest_of(value if isinstance(value, Unknown) else UNKNOWN))
        else:
            args.append(expressions.evaluate(m, arg))
    keywords: Keywords = {}
    for keyword in node.keywords:
        value = expressions.evaluate(m, keyword.value)
        if keyword.name is not None:
            keywords[keyword.name] = value
            continue
        keywords.update(_named(m.resolve(value)))
    return args, keywords


def _named(value: Value) -> Keywords:
    """``**value``: of one of several dicts, what each key has in any of them; what it has in none of some is not known,
    for it is the parameter's default."""
    if isinstance(value, Dict):
        named: Keywords = {str(key): v for key, v in value.items.items()}
        return {**named, "**": UNKNOWN} if value.meta.get("open") else named
    if not isinstance(value, Alternatives):
        return {"**": UNKNOWN}
    options = value.options
    keys: dict[str, list[tuple[Guard, Value]]] = {}
    is_open = False
    for _, option in options:
        if isinstance(option, Dict):
            is_open = is_open or bool(option.meta.get("open"))
            keys.update({str(key): [] for key in option.items})
        else:
            is_open = True
    for guard, option in options:
        items = {str(key): v for key, v in option.items.items()} if isinstance(option, Dict) else {}
        for key, found in keys.items():
            found.append((guard, items.get(key, UNKNOWN)))
    named = {key: join.alternatives(found) for key, found in keys.items()}
    return {**named, "**": UNKNOWN} if is_open else named


def _spread(m: Machine, value: Value) -> list[Value]:
    """``*value`` for one of several lists."""
    value = m.resolve(value)
    assert isinstance(value, Alternatives)
    columns = [(guard, builtins.items_of(m, option)) for guard, option in value.options]
    known = tuple((guard, (REST,) if items is None else items) for guard, items in columns)
    lengths = {len(items) for _, items in known}
    if len(lengths) != 1 or any(has_rest(items) for _, items in known):
        return [rest_of(UNKNOWN, known)]
    return [join.alternatives([(guard, items[i]) for guard, items in known]) for i in range(lengths.pop())]


def call(
    m: Machine,
    callee: Value,
    args: Sequence[Value],
    keywords: Mapping[str, Value],
    place: Place,
    node: ir.Call | None = None,
) -> Value:
    """``callee(*args, **keywords)`` for any value.

    Args:
        place: where the call stands; node: the call, if it stands in the program as it is.
    """
    kind = type(callee)
    if kind is Function:
        assert isinstance(callee, Function)
        if callee.contract:
            return objects.call_taught(m, callee.contract, args, keywords, place, node)
        return call_function(m, callee, args, keywords, None)
    if kind is Bound:
        assert isinstance(callee, Bound)
        return _call_bound(m, callee, args, keywords, place, node)
    if kind is Class:
        assert isinstance(callee, Class)
        return construct(m, callee, args, keywords, place, node)
    if kind is Library:
        assert isinstance(callee, Library)
        return objects.call_library(m, callee.name, args, keywords, place, node)
    if kind is Instance:
        assert isinstance(callee, Instance)
        return call_instance(m, callee, args, keywords, place, node)
    if kind is Object:
        assert isinstance(callee, Object)
        return objects.call_object(m, callee, args, keywords, place, node)
    if kind is Alternatives:
        return _call_alternatives(m, m.resolve(callee), args, keywords, place, node)
    if kind is Partial:
        assert isinstance(callee, Partial)
        return call(m, callee.function, [*callee.args, *args], {**callee.keywords, **keywords}, place, node)
    if kind is Unknown:
        assert isinstance(callee, Unknown)
        named = builtins.pure_method(callee, args, keywords) or architectures.call_part(m, callee, args, place)
        if named is not None:
            return named
        builtins.escape(m, args, keywords)
        dynamic.called_by_another(m, keywords, place)
        m.blind.add(place)
        return UNKNOWN if callee.origin is None else Unknown(None, None, None, Origin(callee.origin.reason, True))
    builtins.escape(m, args, keywords)
    return UNKNOWN


def _call_alternatives(
    m: Machine,
    callee: Value,
    args: Sequence[Value],
    keywords: Mapping[str, Value],
    place: Place,
    node: ir.Call | None,
) -> Value:
    if not isinstance(callee, Alternatives):
        return call(m, callee, args, keywords, place, node)
    results: list[tuple[Guard, Value]] = []
    arms = []
    m.calls += 1
    for guard, option in callee.options:

        def run(guard: Guard = guard, option: Value = option) -> int:
            results.append((guard, call(m, option, args, keywords, place, node)))
            return NEXT

        arms.append((guard, run))
    saved, group = m.path, m.group
    m.group = m.calls
    m.branch(arms)
    m.path, m.group = saved, group
    return join.alternatives(results)


def _call_bound(
    m: Machine,
    bound: Bound,
    args: Sequence[Value],
    keywords: Mapping[str, Value],
    place: Place,
    node: ir.Call | None,
) -> Value:
    receiver = bound.receiver
    if isinstance(bound.function, Function):
        if bound.function.contract:
            return objects.call_taught(m, bound.function.contract, args, keywords, place, node)
        return call_function(m, bound.function, [receiver, *args], keywords, receiver)
    name = bound.function
    if isinstance(receiver, Tensor):
        return tensors.call_method(m, receiver, name, args, keywords, place, node)
    if isinstance(receiver, Instance):
        return models.call_method(m, receiver, name, args, keywords, place)
    if isinstance(receiver, Object):
        return objects.call_method(m, receiver, name, args, keywords, place)
    return builtins.call_method(m, receiver, name, args, keywords, place)


def bind(m: Machine, function: Function, args: Sequence[Value], keywords: Mapping[str, Value]) -> dict[str, Value]:
    """The parameters of a project function as a call fills them."""
    scope: dict[str, Value] = {}
    rest = list(args)
    left = dict(keywords)
    open_keywords = left.pop("**", None) is not None
    extra = left.pop(EXTRA, None) is not None
    open_args = False
    for param in function.node.params:
        kind = param.kind
        if kind in ("any", "pos"):
            if rest and type(rest[0]) is Rest:
                open_args = True
            if open_args:
                scope[param.name] = left.pop(param.name, UNKNOWN)
            elif rest:
                scope[param.name] = rest.pop(0)
            else:
                scope[param.name] = _keyword(m, function, param, left, open_keywords)
        elif kind == "args":
            scope[param.name] = _further(rest, extra)
            rest = []
        elif kind == "kw":
            scope[param.name] = _keyword(m, function, param, left, open_keywords)
        else:
            scope[param.name] = Dict({str(k): v for k, v in left.items()}, {"open": extra or open_keywords})
    return scope


def _further(args: Sequence[Value], extra: bool) -> Value:
    """What ``*args`` holds; `extra` if nobody knows how many there are."""
    if extra:
        return list_of(Unknown(None, None, None, PASSED_BY_NOTHING))
    first = next((a for a in args if isinstance(a, Rest)), None)
    return Tuple(tuple(args)) if first is None else list_of(first.element if len(args) == 1 else UNKNOWN)


def _keyword(m: Machine, function: Function, param: ir.Param, left: dict[str, Value], open_keywords: bool) -> Value:
    given = left.pop(param.name, None)
    if given is not None:
        return given
    default = function.defaults.get(param.name)
    if open_keywords or default is None:
        return Unknown(("name", param.name, m.fresh_key()), None, None, PASSED_BY_NOTHING)
    return default


def call_function(
    m: Machine,
    function: Function,
    args: Sequence[Value],
    keywords: Mapping[str, Value],
    receiver: Value | None,
    scope: dict[str, Value] | None = None,
) -> Value:
    """Run a function of the project; unknown if it is nested too deeply or calls itself again and again.

    Args:
        args: with the receiver of a method first. scope: the parameters, if they are bound already.
    """
    node = function.node
    if len(m.frames) > m.deepest or m.active.count(id(node)) > m.again:
        return TOO_DEEP
    m.entered.add(id(node))
    if scope is None:
        scope = bind(m, function, args, keywords)
        for name, value in scope.items():
            if isinstance(value, Unknown) and value.key is None:
                scope[name] = value.named(m.fresh_key())
    frame = Frame(
        scope, function.closure, function.module, function.path, function, function.owner,
        receiver if receiver is not None else args[0] if args and function.owner is not None else None,
        called=m.calling, given=tuple(scope.values()), written=m.passing,
    )  # fmt: skip
    generator = isinstance(node, ir.FunctionDef) and node.is_generator
    if generator:
        frame.yields = []
    if m.recorder is not None:
        m.recorder.enter(function.path, node.n, scope)
    m.push(frame)
    m.active.append(id(node))
    modes = m.grad, m.autocast
    if "no_grad" in function.decorations or "inference_mode" in function.decorations:
        m.grad = False
    if "autocast" in function.decorations:
        m.autocast = True
    limit, logs, loops, runs = m.limit, len(m.logs), m.loops, m.runs
    shared = len(m.frames) <= SHARED_DEPTH
    if shared:
        m.limit = m.steps + int((limit - m.steps) * SHARE)
        m.pause = min(m.pause, m.limit)
    try:
        if isinstance(node, ir.Lambda):
            value = expressions.evaluate(m, node.body)
        else:
            status = statements.execute(m, node.body)
            value = m.finish(frame, status)
    except Exhausted:
        if not shared or m.steps >= limit:
            raise
        while len(m.logs) > logs:
            m.close_log(keep=False)
        m.loops, m.runs, value = loops, runs, SPENT
        m.cut += 1
    finally:
        m.limit = limit
        m.grad, m.autocast = modes
        m.active.pop()
        m.pop()
    if generator:
        return list_of(join.summary(frame.yields or []) if frame.yields else UNKNOWN)
    return value


# --- classes and instances ---------------------------------------------------------------------------------------


def construct(
    m: Machine,
    cls: Class,
    args: Sequence[Value],
    keywords: Mapping[str, Value],
    place: Place,
    node: ir.Call | None = None,
) -> Value:
    """An object of a project class, its ``__init__`` run; or what a contract for the class says."""
    if m.active.count(id(cls.node)) > m.again:
        return UNKNOWN
    m.constructed.add(id(cls.node))
    if any(isinstance(b, Library) and b.name in ("enum.Enum", "enum.IntEnum") for b in cls.mro):
        return UNKNOWN
    key = copies.signature(cls, args, keywords) if objects.is_module_class(m, cls) else None
    made = copies.again(m, key, place) if key is not None else None
    if made is not None:
        return made
    instance = Instance(cls, {}, place, {"given": (tuple(args), dict(keywords))})
    m.instances.setdefault(id(cls.node), instance)
    m.active.append(id(cls.node))
    try:
        init = attributes.find_method(m, instance, "__init__")
        if init is not None and key is not None:
            copies.first(m, key, instance, lambda: call_function(m, init, [instance, *args], keywords, instance))
        elif init is not None:
            call_function(m, init, [instance, *args], keywords, instance)
        elif not records.fill(m, instance, args, keywords):
            library = next((b for b in cls.mro if isinstance(b, Library)), None)
            if library is not None:
                objects.library_init(m, instance, args, keywords, place)
    finally:
        m.active.pop()
    return taught.made(m, instance, args, keywords, place, node) if m.contracts.taught else instance


def call_instance(
    m: Machine,
    instance: Instance,
    args: Sequence[Value],
    keywords: Mapping[str, Value],
    place: Place,
    node: ir.Call | None,
) -> Value:
    """Calling an object: what its contract says, ``__call__``, or the module protocol."""
    described = taught.inner(m, instance)
    if described is not None:
        return objects.call_object(m, described, args, keywords, place, node)
    own = attributes.find_method(m, instance, "__call__")
    if own is not None:
        return call_function(m, own, [instance, *args], keywords, instance)
    if objects.is_module(m, instance):
        return models.call_module(m, instance, args, keywords, place, node)
    return UNKNOWN


def operator(m: Machine, left: Instance, op: str, right: Value, place: Place) -> Value:
    """``left op right`` through the class of an instance, where it defines the operator."""
    names = {"+": "__add__", "-": "__sub__", "*": "__mul__", "/": "__truediv__", "@": "__matmul__"}
    method = attributes.find_method(m, left, names.get(op, "")) if op in names else None
    if method is None:
        return UNKNOWN
    return call_function(m, method, [left, right], {}, left)


def enter(m: Machine, value: Value) -> Value:
    """What ``with value as x`` binds; modes of gradients and precision take effect."""
    value = m.resolve(value)
    if isinstance(value, Instance):
        method = attributes.find_method(m, value, "__enter__")
        return call_function(m, method, [value], {}, value) if method is not None else value
    if isinstance(value, Object):
        if value.kind == "no_grad":
            m.grad = False
        if value.kind == "autocast":
            m.autocast = True
        return value
    return value if isinstance(value, (Tuple, List, Tensor)) else UNKNOWN


def never_returns(node: ir.Expr) -> bool:
    """Whether an expression statement ends the program: ``sys.exit()``, ``exit()``, ``quit()``."""
    if not isinstance(node, ir.Call):
        return False
    func = node.func
    if isinstance(func, ir.Name):
        return func.name in ("exit", "quit")
    return (
        isinstance(func, ir.Attr)
        and func.name in ("exit", "_exit")
        and isinstance(func.value, ir.Name)
        and (func.value.name in ("sys", "os"))
    )
