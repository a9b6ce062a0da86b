"""Names that a program computes, and functions that something else calls for it.

Definitions
    choice  what an unknown name may stand for: the public classes and functions of a module, each under the guard that
            the name is its name, and something unknown under the guard that it is none of them
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torchlint.flow import attributes, builtins, calls, imports, join, objects
from torchlint.flow.machine import Machine
from torchlint.flow.values import (
    NONE,
    REST,
    UNKNOWN,
    Bound,
    Class,
    Const,
    Dict,
    Function,
    Guard,
    Instance,
    Library,
    Namespace,
    Number,
    Object,
    Partial,
    Place,
    Unknown,
    Value,
    because,
)

Args = Sequence[Value]
Keywords = Mapping[str, Value]

CALLABLE = frozenset({Class, Function, Library, Partial, Bound})
NOT_KNOWN = because("is looked up by a name that is not known")


def names_of(owner: Value) -> Dict:
    """``owner.__dict__`` for a module: the cells themselves."""
    if isinstance(owner, Namespace):
        return Dict(owner.attrs, {"open": False, "of": owner})
    return Dict({}, {"open": True, "of": owner})


def item(m: Machine, names: Dict, index: Value) -> Value | None:
    """``module.__dict__[name]``; None for any other dict."""
    owner = names.meta.get("of")
    if isinstance(owner, (Namespace, Library)):
        if isinstance(index, Const):
            return attributes.get(m, owner, str(index.value), 0)
        return member(m, owner, index)
    return None


def member(m: Machine, owner: Value, name: Value) -> Value:
    """What ``getattr(owner, name)`` gives where the name is not known."""
    if not isinstance(owner, Namespace) or not isinstance(name, Unknown):
        return NOT_KNOWN
    entries = [(k, v) for k, v in imports.public(owner).items() if _may_be_meant(m, v)]
    return choice(name.key if name.key is not None else m.fresh_key(), entries) if entries else NOT_KNOWN


def _may_be_meant(m: Machine, value: Value) -> bool:
    """Whether somebody may have written a name for this: a model, a loss, or a function that makes one."""
    return isinstance(value, Function) or (isinstance(value, Class) and objects.is_module_class(m, value))


def choice(key: Any, entries: Iterable[tuple[Any, Value]], otherwise: Value | None = None) -> Value:
    """One of these by an unknown key, or `otherwise`; of too many the first, or something unknown."""
    known = list(entries)
    rest = known[join.MOST_ALTERNATIVES - 1 :] if len(known) > join.MOST_ALTERNATIVES else []
    known = known[: len(known) - len(rest)]
    options: list[tuple[Guard, Value]] = []
    for k, v in known:
        options.append(((((("==", key, k), True)), *((("==", key, o), False) for o, _ in known if o != k)), v))
    if rest or otherwise is not None:
        last = NOT_KNOWN if rest or otherwise is None else otherwise
        options.append((tuple((("==", key, o), False) for o, _ in known), last))
    return join.alternatives(options)


def globals_of(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    """``globals()``."""
    return names_of(m.frame.module)


def locals_of(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    """``locals()``."""
    return Dict(dict(m.frame.vars))


def variables(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    """``vars(x)``."""
    value = m.resolve(args[0]) if args else UNKNOWN
    if isinstance(value, Object) and value.kind == "arguments":
        return Dict(dict(value.attrs))
    if isinstance(value, Instance):
        return Dict(value.attrs)
    return names_of(value) if isinstance(value, (Namespace, Library)) else UNKNOWN


def evaluated(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    """``eval("name")`` of a dotted name. Nothing else is looked into."""
    text = m.resolve(args[0]) if args else UNKNOWN
    if not isinstance(text, Const) or not isinstance(text.value, str):
        return because("is made by `eval`")
    first, *rest = text.value.removesuffix("()").split(".")
    if not all(part.isidentifier() for part in (first, *rest)):
        return because("is made by `eval`")
    value = m.look_up(first)
    if value is None:
        value = builtins.name(m, first)
    for part in rest:
        value = attributes.get(m, value, part, place.n)
    return calls.call(m, value, [], {}, place) if text.value.endswith("()") else value


def spawned(m: Machine, args: Args, keywords: Keywords, place: Place) -> Value:
    """``spawn(function, args=(…))``: the function is called with its rank before the arguments."""
    function = args[0] if args else keywords.get("fn", UNKNOWN)
    given = builtins.items_of(m, args[1] if len(args) > 1 else keywords.get("args", NONE))
    calls.call(m, m.resolve(function), [Number(), *(given if given is not None else (REST,))], {}, place)
    return NONE


def called_by_another(m: Machine, keywords: Keywords, place: Place) -> None:
    """``Process(target=function, args=(…))`` of whatever library: the function is called."""
    target = m.resolve(keywords.get("target", NONE))
    if not isinstance(target, (Function, Bound)):
        return
    given = builtins.items_of(m, keywords.get("args", NONE))
    named = m.resolve(keywords.get("kwargs", NONE))
    known = {str(k): v for k, v in named.items.items()} if isinstance(named, Dict) else {}
    without = "args" not in keywords
    calls.call(m, target, () if without else given if given is not None else (REST,), known, place)
