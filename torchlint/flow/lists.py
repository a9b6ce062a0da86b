"""Lists and sets: what is known of their items, and their methods.

The one cell of a list holds a tuple of its items, or an `Unsure` where their number is not known.
"""

from __future__ import annotations

from collections.abc import Sequence

from torchlint.flow import builtins, join
from torchlint.flow.machine import Machine
from torchlint.flow.values import NONE, UNKNOWN, Const, List, Number, Unsure, Value

#: Longer lists are not kept item by item, and so many last items of a list of unknown length.
MOST_ITEMS, LONGEST_TAIL = 512, 64


def append(m: Machine, target: List, values: Sequence[Value]) -> None:
    """These values stand at the end of a list now."""
    content = target.content
    if not isinstance(content, Unsure):
        if len(content) + len(values) <= MOST_ITEMS:
            m.write(target.attrs, "items", (*content, *values))
        return
    old = content.element
    element = join.summary([old, *values])
    variants = tuple((guard, (*items, *values)) for guard, items in content.variants)
    m.write(target.attrs, "items", Unsure(element, (*content.tail, *values)[-LONGEST_TAIL:], variants))


def extend(m: Machine, target: List, value: Value) -> None:
    """``target += value`` for a list."""
    more = builtins.items_of(m, value)
    if more is not None:
        if more:
            append(m, target, more)
        return
    found = [v for v in (target.element, *(target.items or ())) if v is not UNKNOWN]
    found.append(join.element_of(m.resolve(value)))
    m.write(target.attrs, "items", Unsure(join.summary(found)))


def forget(m: Machine, target: List) -> None:
    """Something happened to a list that leaves its length unknown."""
    content = target.content
    if isinstance(content, Unsure):
        if content.tail or content.variants:
            m.write(target.attrs, "items", Unsure(content.element))
    else:
        m.write(target.attrs, "items", Unsure(join.summary(content)))


def call_method(m: Machine, target: List, method: str, args: Sequence[Value]) -> Value:
    """A method of a list or set."""
    items = target.items
    if method in ("append", "add") and args:
        append(m, target, args[:1])
        return NONE
    if method in ("extend", "update") and args:
        extend(m, target, args[0])
        return NONE
    if method == "insert" and len(args) == 2:
        position = m.resolve(args[0])
        if items is not None and isinstance(position, Const) and isinstance(position.value, int):
            i = position.value
            m.write(target.attrs, "items", (*items[:i], args[1], *items[i:]))
        else:
            forget(m, target)
        return NONE
    if method == "pop":
        position = m.resolve(args[0]) if args else Const(-1)
        if items and isinstance(position, Const) and isinstance(position.value, int):
            i = position.value
            if -len(items) <= i < len(items):
                left = list(items)
                value = left.pop(i)
                m.write(target.attrs, "items", tuple(left))
                return m.resolve(value)
        forget(m, target)
        return target.element
    if method == "copy":
        return List(dict(target.attrs), target.kind)
    if method == "reverse":
        if items is not None:
            m.write(target.attrs, "items", items[::-1])
        else:
            forget(m, target)
        return NONE
    if method == "clear":
        m.write(target.attrs, "items", ())
        return NONE
    if method in ("sort", "remove"):
        forget(m, target)
        return NONE
    return Number(kind="int") if method in ("index", "count") else UNKNOWN
