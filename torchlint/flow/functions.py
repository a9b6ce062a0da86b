"""Functions of Python's standard library that matter to what flows: builtins, functools, collections, argparse…

Each handler takes (machine, args, keywords, place) and gives the value of the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from torchlint.flow import (
    attributes,
    builtins,
    calls,
    chance,
    dynamic,
    estimators,
    frames,
    instances,
    join,
    lightning,
    records,
)
from torchlint.flow.interval import Interval, absolute
from torchlint.flow.library.reading import size_value
from torchlint.flow.machine import Machine
from torchlint.flow.values import (
    FALSE,
    NONE,
    TRUE,
    UNKNOWN,
    Bound,
    Chance,
    Class,
    Const,
    Dict,
    Function,
    Instance,
    Library,
    List,
    Number,
    Object,
    Partial,
    Place,
    Rest,
    Super,
    Tensor,
    Text,
    Tuple,
    Unknown,
    Value,
    Via,
    list_of,
    make_list,
)

Args = Sequence[Value]
Keywords = Mapping[str, Value]
Handler = Callable[[Machine, Args, Keywords, Place], Value]


def _first(m: Machine, args: Args) -> Value:
    return m.resolve(args[0]) if args else UNKNOWN


def _len(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    def one(values: list[Value]) -> Value:
        value = values[0]
        if isinstance(value, Tensor):
            return size_value(value.shape[0]) if value.shape else UNKNOWN
        items = builtins.items_of(m, value)
        if items is not None:
            return Const(len(items))
        if isinstance(value, Instance):
            method = attributes.find_method(m, value, "__len__")
            if method is not None:
                return calls.call_function(m, method, [value], {}, value)
        if isinstance(value, Unknown):
            return Unknown(("len", m.fresh_key() if value.key is None else value.key), None, value.grad)
        return Number(kind="int")

    return m.over(args[:1], one)


def _range(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    bounds = [m.resolve(a) for a in args]
    numbers = [b.value for b in bounds if isinstance(b, Const) and isinstance(b.value, int)]
    if len(numbers) == len(bounds) and numbers:
        try:
            whole = range(*numbers)
        except (TypeError, ValueError):
            return list_of(Number(kind="int"))
        if len(whole) <= 128:
            return make_list(Const(i) for i in whole)
    return list_of(Number(kind="int"))


def _zip(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    if len(args) == 1 and isinstance(args[0], Rest) and not args[0].variants:
        return m.over([args[0].element], lambda v: _columns(m, v[0], place))
    columns = [builtins.items_of(m, a) for a in args]
    known = [c for c in columns if c is not None]
    if len(known) == len(columns) and columns:
        return make_list(Tuple(tuple(row)) for row in zip(*known))
    return list_of(Tuple(tuple(builtins.element(m, a, place) for a in args)))


def _columns(m: Machine, row: Value, place: Place) -> Value:
    """``zip(*rows)`` of an unknown number of such rows."""
    items = builtins.items_of(m, row)
    return list_of(list_of(builtins.element(m, row, place))) if items is None else make_list(map(list_of, items))


def _enumerate(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    start = m.resolve(args[1]) if len(args) > 1 else keywords.get("start", Const(0))
    items = builtins.items_of(m, args[0]) if args else None
    if items is not None and isinstance(start, Const) and isinstance(start.value, int):
        return make_list(Tuple((Const(start.value + i), v)) for i, v in enumerate(items))
    return list_of(Tuple((Number(kind="int"), builtins.element(m, args[0], place) if args else UNKNOWN)))


def _reversed(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    items = builtins.items_of(m, args[0]) if args else None
    return make_list(items[::-1]) if items is not None else list_of(builtins.element(m, args[0], place))


def _list(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    if not args:
        return make_list(())

    def one(values: list[Value]) -> Value:
        items = builtins.items_of(m, values[0])
        return make_list(items) if items is not None else list_of(builtins.element(m, values[0], place))

    return m.over(args[:1], one)


def _tuple(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    if not args:
        return Tuple(())
    items = builtins.items_of(m, args[0])
    return Tuple(items) if items is not None else list_of(builtins.element(m, args[0], place))


def _dict(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    out = Dict({k: v for k, v in keywords.items() if k != "**"}, {"open": "**" in keywords})
    if args:
        source = m.resolve(args[0])
        pairs = builtins.items_of(m, source) if not isinstance(source, Dict) else None
        if isinstance(source, Dict):
            out.items = {**source.items, **out.items}
            out.meta = {**source.meta, "open": bool(source.meta.get("open") or out.meta["open"])}
        elif pairs is not None:
            for pair in pairs:
                parts = builtins.items_of(m, pair)
                key = m.resolve(parts[0]) if parts and len(parts) == 2 else UNKNOWN
                if isinstance(key, Const) and parts is not None:
                    out.items.setdefault(key.value, parts[1])
                else:
                    out.meta["open"] = True
        else:
            out.meta["open"] = True
    return out


def _isinstance(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    if len(args) != 2:
        return UNKNOWN
    return m.over([args[0]], lambda v: instances.is_instance(m, v[0], m.resolve(args[1])))


def _getattr(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    if len(args) < 2:
        return UNKNOWN

    def one(values: list[Value]) -> Value:
        owner, attribute = values
        if isinstance(attribute, Const) and isinstance(attribute.value, str):
            value = attributes.get(m, owner, attribute.value, place.n)
            if (
                isinstance(value, Unknown)
                and value.blank
                and len(args) > 2
                and attributes.has(m, owner, attribute.value) is FALSE
            ):
                return args[2]
            return value
        return dynamic.member(m, owner, attribute)

    return m.over(args[:2], one)


def _setattr(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    if len(args) == 3:
        attribute = m.resolve(args[1])
        if isinstance(attribute, Const) and isinstance(attribute.value, str):
            attributes.assign(m, args[0], attribute.value, args[2])
    return NONE


def _hasattr(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    attribute = m.resolve(args[1]) if len(args) == 2 else UNKNOWN
    if isinstance(attribute, Const) and isinstance(attribute.value, str):
        return attributes.has(m, args[0], attribute.value)
    return UNKNOWN


def _super(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    if len(args) == 2:
        cls, receiver = m.resolve(args[0]), m.resolve(args[1])
        return Super(receiver, cls) if isinstance(cls, Class) else UNKNOWN
    holder, owner = m.frame.receiver, m.frame.owner
    return Super(holder, owner) if holder is not None and owner is not None else UNKNOWN


def _next(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    if not args:
        return UNKNOWN
    items = builtins.items_of(m, args[0])
    if items:
        return m.resolve(items[0])
    return builtins.element(m, args[0], place)


def _iter(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    return _first(m, args)


def _map(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    if len(args) < 2:
        return UNKNOWN
    rows = _zip(m, args[1:], {}, place)
    assert isinstance(rows, List)

    def one(row: Value) -> Value:
        return calls.call(m, args[0], row.items if isinstance(row, Tuple) else [], {}, place)

    if rows.items is not None and len(rows.items) <= 64:
        return make_list(one(row) for row in rows.items)
    return list_of(one(rows.element if rows.items is None else join.summary(rows.items)))


def _filter(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    return list_of(builtins.element(m, args[1], place)) if len(args) == 2 else UNKNOWN


def _sum(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    items = builtins.items_of(m, args[0]) if args else None
    if items is None or not items or len(items) > 64:
        inner = builtins.element(m, args[0], place) if args else UNKNOWN
        return inner.with_(range=None, meaning=None) if isinstance(inner, Tensor) else Number()
    from torchlint.flow import expressions

    total = items[0]
    for item in items[1:]:
        total = expressions.binary(m, "+", total, item, place.n, "sum")
    return total


def _extreme(choose: Callable[..., Any]) -> Handler:
    def handler(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
        values = builtins.items_of(m, args[0]) if len(args) == 1 else tuple(m.resolve(a) for a in args)
        if values and all(isinstance(v, Const) and isinstance(v.value, (int, float)) for v in values):
            return Const(choose(v.value for v in values if isinstance(v, Const)))
        return Number()

    return handler


def _abs(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    def one(values: list[Value]) -> Value:
        value = values[0]
        if isinstance(value, Tensor):
            return value.with_(range=absolute(value.range), meaning=None)
        return (
            Const(abs(value.value)) if isinstance(value, Const) and isinstance(value.value, (int, float)) else Number()
        )

    return m.over(args[:1], one)


def _convert(kind: Callable[[Any], Any]) -> Handler:
    def handler(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
        if not args:
            return Const(kind())  # type: ignore[call-arg]
        value = m.resolve(args[0])
        if isinstance(value, Const):
            try:
                return Const(kind(value.value))
            except (TypeError, ValueError, OverflowError):
                return UNKNOWN
        if isinstance(value, Unknown) and kind in (int, float):
            return Unknown((kind.__name__, m.fresh_key() if value.key is None else value.key))
        if kind is str:
            return Text()
        if kind is int and isinstance(value, Number):
            return replace(value, kind="int")
        if kind is bool:
            ways = m.decide(value)
            return Const(ways[0][1]) if len(ways) == 1 else join.alternatives([(g, Const(t)) for g, t in ways])
        if isinstance(value, Tensor):
            found = value.range if kind is float else None
            return Number(None, found, Via(kind.__name__, {"input": value}, place), kind.__name__)
        if isinstance(value, Number):
            return replace(value, kind=kind.__name__)
        return UNKNOWN

    return handler


def _type(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    value = _first(m, args)
    if isinstance(value, Tensor) and value.holder == "numpy":
        return Library("numpy.ndarray")
    return value.cls if isinstance(value, Instance) else UNKNOWN


def _is_tensor(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    value = _first(m, args)
    return Const(value.holder == "tensor") if isinstance(value, Tensor) else UNKNOWN


def _callable(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    value = _first(m, args)
    if isinstance(value, (Function, Class, Bound, Partial, Library)):
        return TRUE
    return FALSE if isinstance(value, (Const, List, Dict, Tuple, Tensor)) else UNKNOWN


def _partial(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    return Partial(m.resolve(args[0]), tuple(args[1:]), dict(keywords)) if args else UNKNOWN


def _copy(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    value = _first(m, args)
    if isinstance(value, Instance):
        return Instance(value.cls, dict(value.attrs), value.made, dict(value.meta))
    if isinstance(value, Object):
        return Object(value.kind, value.name, value.arguments, dict(value.attrs), value.made)
    if isinstance(value, List):
        return List(dict(value.attrs), value.kind)
    if isinstance(value, Dict):
        return Dict(dict(value.items), dict(value.meta))
    return value


#: Items that a repetition of known length is written out to.
MOST_REPEATED = 4096


def _repeat(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    """``itertools.repeat(x, n)``."""
    if not args:
        return UNKNOWN
    times = m.resolve(args[1]) if len(args) > 1 else keywords.get("times", UNKNOWN)
    if isinstance(times, Const) and isinstance(times.value, int) and times.value <= MOST_REPEATED:
        return make_list([args[0]] * times.value)
    return list_of(m.resolve(args[0]))


def _chain(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    columns = [builtins.items_of(m, a) for a in args]
    if all(c is not None for c in columns):
        return make_list(v for c in columns for v in c or ())
    return list_of(join.summary(builtins.element(m, a, place) for a in args))


def _transparent(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    if args:
        return m.resolve(args[0])
    return keywords.get("iterable", UNKNOWN)


def _default_dict(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    return Dict({}, {"open": True})


def _text(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    return Text()


def _random(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    return Chance(interval=Interval(0.0, 1.0), kind="float")


def _field(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    return Object("field", "dataclasses.field", dict(keywords), {}, place)


def _parser(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    return Object("parser", "argparse.ArgumentParser", {}, {"options": Dict({})}, place)


def _simple_namespace(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    return Object("arguments", "types.SimpleNamespace", {}, dict(keywords), place)


def _none(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    return NONE


def _no_grad(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    return Object("no_grad", "torch.no_grad", {}, {}, place)


def _grad_enabled(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    """``torch.set_grad_enabled(phase == "train")``: no gradients where it is known to be false."""
    mode = m.resolve(args[0] if args else keywords.get("mode", UNKNOWN))
    off = isinstance(mode, Const) and not mode.value
    return _no_grad(m, args, keywords, place) if off else UNKNOWN


def _autocast(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    return Object("autocast", "torch.autocast", {}, {}, place)


def _scaler(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    return Object("scaler", "torch.amp.GradScaler", {}, {}, place)


def _accelerator(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    return Object("accelerator", "accelerate.Accelerator", {}, {}, place)


def _trainer(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    return Object("trainer", "lightning.Trainer", dict(keywords), {}, place)


def _lightning_cli(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    lightning.run_command_line(m, args, keywords, place)
    return UNKNOWN


def _import_module(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    from torchlint.flow import imports

    name = _first(m, args)
    if isinstance(name, Const) and isinstance(name.value, str):
        found = m.project.resolve(m.frame.module.name, name.value)
        return imports.load(m, found) if found else Library(name.value)
    return UNKNOWN


HANDLERS: dict[str, Handler] = {
    "builtins.globals": lambda m, a, k, p: dynamic.globals_of(m, a, k, p),
    "builtins.locals": lambda m, a, k, p: dynamic.locals_of(m, a, k, p),
    "builtins.eval": lambda m, a, k, p: dynamic.evaluated(m, a, k, p),
    "builtins.vars": lambda m, a, k, p: dynamic.variables(m, a, k, p),
    "torch.multiprocessing.spawn": lambda m, a, k, p: dynamic.spawned(m, a, k, p),
    "collections.namedtuple": lambda m, a, k, p: records.named_tuple(m, a, k, p),
    "builtins.len": _len, "builtins.range": _range, "builtins.zip": _zip, "builtins.enumerate": _enumerate,
    "builtins.reversed": _reversed, "builtins.list": _list, "builtins.tuple": _tuple, "builtins.dict": _dict,
    "builtins.set": _list, "builtins.sorted": _list, "builtins.isinstance": _isinstance,
    "builtins.getattr": _getattr, "builtins.setattr": _setattr, "builtins.hasattr": _hasattr,
    "builtins.super": _super, "builtins.next": _next, "builtins.iter": _iter, "builtins.map": _map,
    "builtins.filter": _filter, "builtins.sum": _sum, "builtins.max": _extreme(max), "builtins.min": _extreme(min),
    "builtins.abs": _abs, "builtins.int": _convert(int), "builtins.float": _convert(float),
    "builtins.str": _convert(str), "builtins.bool": _convert(bool), "builtins.type": _type,
    "torch.is_tensor": _is_tensor,
    "builtins.callable": _callable, "builtins.print": _none,
    "functools.partial": _partial, "functools.reduce": lambda m, a, k, p: UNKNOWN, "copy.copy": _copy,
    "copy.deepcopy": _copy, "itertools.chain": _chain, "itertools.repeat": _repeat, "itertools.cycle": _transparent,
    "itertools.islice": _transparent, "tqdm.tqdm": _transparent,
    "tqdm.auto.tqdm": _transparent, "tqdm.notebook.tqdm": _transparent, "tqdm.tqdm_notebook": _transparent,
    "tqdm.trange": _range, "tqdm.auto.trange": _range, "rich.progress.track": _transparent,
    "collections.OrderedDict": _dict,
    "collections.defaultdict": _default_dict, "types.SimpleNamespace": _simple_namespace,
    "argparse.Namespace": _simple_namespace, "argparse.ArgumentParser": _parser, "easydict.EasyDict": _simple_namespace,
    "dataclasses.field": _field, "os.path.join": _text, "os.getcwd": _text, "random.random": _random,
    "torch.no_grad": _no_grad, "torch.inference_mode": _no_grad,
    "torch.set_grad_enabled": _grad_enabled, "torch.autocast": _autocast,
    "torch.amp.autocast": _autocast, "torch.cuda.amp.autocast": _autocast, "torch.cuda.amp.GradScaler": _scaler,
    "torch.amp.GradScaler": _scaler, "torch.cuda.amp.grad_scaler.GradScaler": _scaler,
    "accelerate.Accelerator": _accelerator, "lightning.Fabric": _accelerator, "lightning.fabric.Fabric": _accelerator,
    "pytorch_lightning.Trainer": _trainer, "lightning.Trainer": _trainer, "lightning.pytorch.Trainer": _trainer,
    "pytorch_lightning.trainer.Trainer": _trainer, "lightning.pytorch.trainer.Trainer": _trainer,
    "pytorch_lightning.cli.LightningCLI": _lightning_cli, "lightning.pytorch.cli.LightningCLI": _lightning_cli,
    "pytorch_lightning.utilities.cli.LightningCLI": _lightning_cli,
    "sklearn.model_selection.train_test_split": estimators.split, "numpy.random.default_rng": estimators.generator,
    "numpy.random.RandomState": estimators.generator,
    "importlib.import_module": _import_module, "typing.cast": lambda m, a, k, p: a[1] if len(a) == 2 else UNKNOWN,
    **chance.HANDLERS,
    **frames.HANDLERS,
}  # fmt: skip


# --- argparse ----------------------------------------------------------------------------------------------------


def parser_method(m: Machine, parser: Object, method: str, args: Args, keywords: Keywords, place: Place) -> Value:
    """``add_argument``, ``parse_args`` and the like: the default, or one of the choices, each under its guard."""
    options = parser.attrs["options"]
    assert isinstance(options, Dict)
    if method == "add_argument":
        _add_argument(m, options, args, keywords)
        return NONE
    if method in ("add_argument_group", "add_mutually_exclusive_group"):
        return parser
    if method == "set_defaults":
        for k, v in keywords.items():
            m.write(options.items, k, v)
        return NONE
    if method == "parse_args":
        return Object("arguments", "argparse.Namespace", {}, dict(options.items), place)
    if method == "parse_known_args":
        return Tuple((Object("arguments", "argparse.Namespace", {}, dict(options.items), place), list_of(Text())))
    return UNKNOWN


def _add_argument(m: Machine, options: Dict, args: Args, keywords: Keywords) -> None:
    flags = [a.value for a in args if isinstance(a, Const) and isinstance(a.value, str)]
    if not flags:
        return
    long = next((f for f in flags if f.startswith("--")), flags[0])
    given = keywords.get("dest")
    dest = given.value if isinstance(given, Const) else long.lstrip("-").replace("-", "_")
    key = ("name", long, m.fresh_key())
    default = keywords.get("default")
    action = keywords.get("action")
    choices = builtins.items_of(m, keywords["choices"]) if "choices" in keywords else None
    kind = action.value if isinstance(action, Const) else None
    value: Value
    if kind in ("store_true", "store_false") or (isinstance(default, Const) and isinstance(default.value, bool)):
        value = Unknown(key)
    elif choices and len(choices) <= join.MOST_ALTERNATIVES and all(isinstance(c, Const) for c in choices):
        value = _choice(key, [c for c in choices if isinstance(c, Const)], default)
    elif default is not None and not (isinstance(default, Const) and default.value is None):
        value = default
    else:
        value = Unknown(key)
    m.write(options.items, dest, value)


def _choice(key: Any, choices: list[Const], default: Value | None) -> Value:
    if isinstance(default, Const):
        choices = sorted(choices, key=lambda c: c.value != default.value)
    options = []
    for c in choices:
        guard = ((("==", key, c.value), True), *((("==", key, o.value), False) for o in choices if o.value != c.value))
        options.append((guard, c))
    return join.alternatives(options)
