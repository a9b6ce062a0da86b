"""Copies of objects, and models that are built over and over again.

A deep network constructs the same block dozens of times. A construction from constants that wrote only to what it made
is run once on a path, and copied after that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torchlint.flow.machine import Machine
from torchlint.flow.values import (
    Alternatives,
    Bound,
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
    Tensor,
    Tuple,
    Unknown,
    Unsure,
    Value,
)

#: Objects that one copy may consist of.
MOST = 4000

#: Nodes that a construction must take to be worth a copy.
WORTHWHILE = 20


class UncopiedError(Exception):
    """Something refers to itself in a way that a copy would not."""


def deep(value: Any, memo: dict[int, Any]) -> Any:
    """A copy of a value and of everything in it that can change; what is shared inside stays shared.

    Raises:
        UncopiedError: it holds a function that remembers the object it was made by, or is too large.
    """
    kind = type(value)
    if kind in (tuple, Unsure):
        items = [deep(v, memo) for v in value]
        return Unsure(*items) if kind is Unsure else tuple(items)
    if not isinstance(value, Value) or kind in (Const, Library, Class):
        return value
    known = memo.get(id(value))
    if known is not None:
        return known
    if len(memo) > MOST:
        raise UncopiedError
    made: Any = value
    if isinstance(value, Instance):
        made = memo[id(value)] = Instance(value.cls, {}, value.made, {k: v for k, v in value.meta.items() if k != "id"})
        made.attrs.update((k, deep(v, memo)) for k, v in value.attrs.items())
    elif isinstance(value, Object):
        made = memo[id(value)] = Object(value.kind, value.name, {}, {}, value.made)
        made.arguments.update((k, deep(v, memo)) for k, v in value.arguments.items())
        made.attrs.update((k, deep(v, memo)) for k, v in value.attrs.items())
    elif isinstance(value, List):
        made = memo[id(value)] = List({}, value.kind)
        made.attrs.update((k, deep(v, memo)) for k, v in value.attrs.items())
    elif isinstance(value, Dict):
        made = memo[id(value)] = Dict({}, dict(value.meta))
        made.items.update((k, deep(v, memo)) for k, v in value.items.items())
    elif isinstance(value, Tuple):
        made = Tuple(deep(value.items, memo))
    elif isinstance(value, Alternatives):
        made = Alternatives(tuple((guard, deep(v, memo)) for guard, v in value.options))
    elif isinstance(value, Bound):
        made = Bound(value.function, deep(value.receiver, memo), value.place)
    elif isinstance(value, Partial):
        given = {k: deep(v, memo) for k, v in value.keywords.items()}
        made = Partial(deep(value.function, memo), deep(value.args, memo), given)
    elif isinstance(value, Tensor) and value.via is not None and value.via.op == "Parameter":
        made = value.with_()  # what a copy is trained to is its own
    elif isinstance(value, Function) and value.closure:
        raise UncopiedError
    memo[id(value)] = made
    return made


# --- constructions -----------------------------------------------------------------------------------------------


def signature(cls: Class, args: Sequence[Value], keywords: Mapping[str, Value]) -> object | None:
    """What two constructions must have in common to give the same; None if one of the arguments may be changed."""
    parts = [_plain(v) for v in (*args, *keywords.values())]
    return None if None in parts else (id(cls.node), len(args), tuple(keywords), tuple(parts))


def _plain(value: Value) -> object | None:
    if isinstance(value, Const):
        return (type(value.value).__name__, value.value)
    if isinstance(value, Library):
        return ("library", value.name)
    if isinstance(value, (Class, Function)):
        return ("code", id(value))
    if isinstance(value, Number):
        return ("number", value)
    if isinstance(value, Alternatives):
        options = tuple((guard, _plain(v)) for guard, v in value.options)
        return None if any(v is None for _, v in options) else ("alternatives", options)
    if isinstance(value, Unknown):
        return None if value.key is None else ("unknown", value.key)
    if isinstance(value, (Tuple, List)) and value.items is not None:
        parts = tuple(_plain(v) for v in value.items)
        return None if None in parts else (type(value).__name__, parts)
    if isinstance(value, Partial):
        inner = [_plain(v) for v in (value.function, *value.args, *value.keywords.values())]
        return None if None in inner else ("partial", tuple(value.keywords), tuple(inner))
    return None


def again(m: Machine, key: object, place: Place) -> Instance | None:
    """A copy of what the same construction gave before on this path."""
    for path, kept in m.built.get(key, ()):
        if all(m.path.get(k) == way for k, way in path):
            memo: dict[int, Any] = {}
            made: Instance = deep(kept, memo)
            made.made = place
            m.steps += 2 + len(memo) // 8
            return made
    return None


def first(m: Machine, key: object, instance: Instance, build: Callable[[], object]) -> None:
    """Run a construction, and keep what it made for `again` if it wrote to nothing that was there before."""
    outermost = m.scopes is None
    if m.scopes is None:
        m.scopes = []
    scopes, mark = m.scopes, len(m.scopes)
    events, cut, steps = len(m.events), m.cut, m.steps
    path = tuple(m.path.items())
    m.open_log()
    try:
        build()
    except BaseException:
        m.close_log(keep=False)
        raise
    finally:
        if outermost:
            m.scopes = None
    written = m.close_log(keep=True)
    if m.steps - steps < WORTHWHILE or len(m.events) > events or m.cut > cut:
        return
    own = {id(scope) for scope in scopes[mark:]}
    shared = _shared(instance.cls)
    if any(id(owner) in shared and id(owner) not in own for owner, _, _ in written.values()):
        return
    try:
        m.built[key] = (*m.built.get(key, ()), (path, deep(instance, {})))
    except UncopiedError:
        m.built.setdefault(key, ())


def _shared(cls: Class) -> set[int]:
    """The cells that a class shares with everybody: those of its module, of itself, and of what hangs on them."""
    owners = [cls.module.attrs, *(c.attrs for c in cls.mro if isinstance(c, Class))]
    found: set[int] = set()
    for owner in owners:
        found.add(id(owner))
        for value in owner.values():
            if isinstance(value, (List, Instance, Object)):
                found.add(id(value.attrs))
            elif isinstance(value, Dict):
                found.update((id(value.items), id(value.meta)))
    return found
