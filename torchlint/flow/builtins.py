"""Python's own functions, operators and containers on abstract values."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torchlint.flow import data, dynamic, join, lists, objects, training
from torchlint.flow.library import apply
from torchlint.flow.machine import Machine
from torchlint.flow.values import (
    FALSE,
    NONE,
    TRUE,
    UNKNOWN,
    Alternatives,
    Class,
    Const,
    Dict,
    Function,
    Instance,
    Library,
    List,
    Number,
    Object,
    Place,
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

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "<<": operator.lshift, ">>": operator.rshift, "&": operator.and_,
    "|": operator.or_, "^": operator.xor, "==": operator.eq, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip

#: Constants larger than these are not folded, so that a program cannot make the analysis slow.
LARGEST, LONGEST = 10**12, 4096

FUNCTIONS = frozenset(
    [
        "abs",
        "all",
        "any",
        "bool",
        "callable",
        "dict",
        "enumerate",
        "filter",
        "float",
        "frozenset",
        "getattr",
        "hasattr",
        "id",
        "input",
        "int",
        "isinstance",
        "issubclass",
        "iter",
        "len",
        "list",
        "map",
        "max",
        "min",
        "next",
        "object",
        "open",
        "print",
        "range",
        "repr",
        "reversed",
        "round",
        "set",
        "setattr",
        "sorted",
        "str",
        "sum",
        "super",
        "tuple",
        "type",
        "vars",
        "zip",
        "bytes",
        "divmod",
        "pow",
        "delattr",
        "locals",
        "globals",
        "eval",
        "staticmethod",
        "classmethod",
        "property",
        "slice",
        "exit",
        "quit",
        "format",
        "hash",
        "ord",
        "chr",
        "hex",
        "bin",
        "complex",
        "bytearray",
        "memoryview",
        "Exception",
        "ValueError",
        "TypeError",
        "KeyError",
        "IndexError",
        "RuntimeError",
        "NotImplementedError",
        "AttributeError",
        "AssertionError",
        "StopIteration",
        "ImportError",
        "OSError",
        "FileNotFoundError",
        "KeyboardInterrupt",
        "BaseException",
    ]
)


def name(m: Machine, text: str) -> Value:
    """A name that no scope binds: a builtin, something from a library's ``import *``, or unknown."""
    if text in FUNCTIONS:
        return Library("builtins." + text)
    stars = m.frame.module.attrs.get("*")
    if isinstance(stars, Tuple):
        for library in stars.items:
            if isinstance(library, Library) and (row := m.contracts.lookup(f"{library.name}.{text}")) is not None:
                return Library(row.name if text == row.short else f"{library.name}.{text}")
    return UNKNOWN


def is_main_test(test: ir.Expr) -> bool:
    """Whether a test is ``__name__ == "__main__"``."""
    if not isinstance(test, ir.Compare) or test.ops != ["=="]:
        return False
    sides = [test.left, *test.comparators]
    return any(isinstance(s, ir.Name) and s.name == "__name__" for s in sides) and any(
        isinstance(s, ir.Const) and s.value == "__main__" for s in sides
    )


# --- operators ---------------------------------------------------------------------------------------------------


def fold(op: str, a: Any, b: Any) -> Value:
    """A constant operation, if it is small and defined."""
    if op in ("*", "**", "<<") and not (_small(a) and _small(b)):
        return Number()
    if op in ("**", "<<") and (isinstance(b, str) or b is None or abs(b) > 64):
        return Number()
    if op == "%" and isinstance(a, str):
        return formatted(a, (b,))
    function = OPERATORS.get(op)
    if function is None:
        return UNKNOWN
    try:
        result = function(a, b)
    except Exception:
        return UNKNOWN
    if isinstance(result, (bool, int, float, str)) and _small(result):
        return Const(result)
    return UNKNOWN


#: Directives of a format that never make a text much longer.
PLAIN_DIRECTIVE = r"%(%|[sdir]|0?[1-9]?d|\.\d[feg])"


def formatted(text: str, values: Sequence[Any]) -> Value:
    """``text % values``, where every directive is a plain one."""
    if "%" in re.sub(PLAIN_DIRECTIVE, "", text):
        return Text()
    try:
        result = text % tuple(values)
    except (TypeError, ValueError):
        return Text()
    return Const(result) if _small(result) else Text()


def _filled(text: str, values: Sequence[Any]) -> Value:
    """``text.format(*values)``, where every field is plain."""
    pieces = re.split(r"\{(\d?)\}", text)
    if any("{" in p or "}" in p for p in pieces):
        return Text()
    out = [pieces[0]]
    for number, (field, after) in enumerate(zip(pieces[1::2], pieces[2::2])):
        position = int(field) if field else number
        if position >= len(values):
            return Text()
        out += [str(values[position]), after]
    result = "".join(out)
    return Const(result) if _small(result) else Text()


def _small(x: Any) -> bool:
    if isinstance(x, str):
        return len(x) <= LONGEST
    return isinstance(x, (int, float)) and (isinstance(x, float) or abs(x) <= LARGEST)


def fold_unary(op: str, a: Any) -> Value:
    if isinstance(a, (int, float)):
        return Const(-a if op == "-" else +a if op == "+" else ~a if isinstance(a, int) else a)
    return UNKNOWN


def fold_compare(op: str, a: Any, b: Any) -> Value:
    try:
        return Const(bool(OPERATORS[op](a, b)))
    except TypeError:
        return FALSE if op == "==" else UNKNOWN


def number(op: str, a: Const | Number, b: Const | Number) -> Value:
    """Arithmetic with a number that is not a constant."""
    result = apply.binary(op, a, b, Place("", 0), "")
    taken = next((v.via for v in (a, b) if isinstance(v, Number) and v.via is not None), None)
    if isinstance(result, Number) and taken is not None:
        return Number(result.dim, result.interval, Via(op, {"input": a, "other": b}, taken.place), result.kind)
    return result


def same(a: Value, b: Value) -> Value:
    """``a == b`` for two of a kind."""
    if isinstance(a, Tuple) and isinstance(b, Tuple):
        if len(a.items) != len(b.items):
            return FALSE
        if any(isinstance(x, Const) and isinstance(y, Const) and x != y for x, y in zip(a.items, b.items)):
            return FALSE
        return TRUE if join.equal(a, b) else UNKNOWN
    return TRUE if a is b else FALSE if isinstance(a, (Function, Class)) else UNKNOWN


def compare_numbers(op: str, a: Value, b: Value) -> Value:
    """A comparison of sizes, as far as their difference is known."""
    if isinstance(a, (Const, Number)) and isinstance(b, (Const, Number)):
        gap = number("-", a, b)
        if isinstance(gap, Const) and isinstance(gap.value, (int, float)):
            return fold_compare(op, gap.value, 0)
    return UNKNOWN


def identical(a: Value, b: Value) -> Value:
    """``a is b``."""
    if isinstance(a, Const) and isinstance(b, Const):
        return Const(a.value is b.value if a.value is None or b.value is None else a.value == b.value)
    if isinstance(a, Unknown) or isinstance(b, Unknown):
        unknown, other = (a, b) if isinstance(a, Unknown) else (b, a)
        assert isinstance(unknown, Unknown)
        if unknown.key is not None and isinstance(other, Const):
            return Unknown(("is", unknown.key, other.value))
        return UNKNOWN
    if isinstance(a, Const) or isinstance(b, Const):
        return FALSE
    if isinstance(a, (Class, Function, Library)) and isinstance(b, (Class, Function, Library)):
        return TRUE if a is b or a == b else FALSE
    return TRUE if a is b else UNKNOWN


def contains(m: Machine, item: Value, container: Value) -> Value:
    """``item in container``."""
    if isinstance(container, Dict) and isinstance(item, Const):
        if item.value in container.items:
            return TRUE
        return UNKNOWN if container.meta.get("open") else FALSE
    if isinstance(container, (Tuple, List)) and container.items is not None:
        if isinstance(item, Const) and all(isinstance(v, Const) for v in container.items):
            return Const(any(join.equal(item, v) for v in container.items))
        if isinstance(item, Unknown) and item.key is not None and all(isinstance(v, Const) for v in container.items):
            return Unknown(("in", item.key, tuple(v.value for v in container.items if isinstance(v, Const))))
        if isinstance(item, Const) and not container.items:
            return FALSE
    if isinstance(item, Const) and isinstance(container, Const):
        if isinstance(item.value, str) and isinstance(container.value, str):
            return Const(item.value in container.value)
    if isinstance(item, Const) and isinstance(container, Unknown) and container.key is not None:
        return Unknown(("contains", container.key, item.value))
    return UNKNOWN


#: Methods of strings and dicts that give the same for the same receiver and arguments.
PURE = frozenset({"lower", "upper", "strip", "startswith", "endswith", "replace", "split", "get", "title", "isdigit"})


def pure_method(callee: Unknown, args: Sequence[Value], keywords: Mapping[str, Value]) -> Unknown | None:
    """What a pure method gives of something unknown that has a name: unknown, but the same each time it is asked."""
    key = callee.key
    if not (isinstance(key, tuple) and len(key) == 3 and key[0] == "." and key[2] in PURE) or keywords:
        return None
    values = tuple(a.value for a in args if isinstance(a, Const))
    return Unknown(("method", key[1], key[2], values), None, callee.grad) if len(values) == len(args) else None


def sequence_operator(m: Machine, op: str, a: Value, b: Value) -> Value:
    """``+`` and ``*`` of sequences, ``|`` of dicts, ``/`` of paths."""
    if op == "+" and isinstance(a, (Tuple, List)) and isinstance(b, (Tuple, List)):
        if a.items is not None and b.items is not None:
            joined = a.items + b.items
            return Tuple(joined) if isinstance(a, Tuple) else make_list(joined)
        if isinstance(a, List) and b.items is not None:
            joined_list = List(dict(a.attrs))
            lists.append(m, joined_list, b.items)
            return joined_list
        return list_of(join.summary([join.element_of(a), join.element_of(b)]))
    if op == "*":
        if isinstance(b, (Tuple, List)):
            a, b = b, a
        if isinstance(a, (Tuple, List)) and isinstance(b, Const) and isinstance(b.value, int):
            if a.items is not None and len(a.items) * max(b.value, 0) <= 512:
                repeated = a.items * b.value
                return Tuple(repeated) if isinstance(a, Tuple) else make_list(repeated)
        if isinstance(a, (Tuple, List)):
            return list_of(join.element_of(a))
    if op == "|" and isinstance(a, Dict) and isinstance(b, Dict):
        return Dict({**a.items, **b.items}, {"open": bool(a.meta["open"] or b.meta["open"])})
    if isinstance(a, (Text, Const)) and isinstance(b, (Text, Const)):
        return Text()
    return UNKNOWN


# --- iteration ---------------------------------------------------------------------------------------------------


def items_of(m: Machine, value: Value) -> tuple[Value, ...] | None:
    """The elements of an iterable in order, or None where their number is unknown."""
    value = m.resolve(value)
    if isinstance(value, (Tuple, List)):
        return value.items
    if isinstance(value, Dict):
        return None if value.meta.get("open") else tuple(Const(k) for k in value.items)
    if isinstance(value, (Object, Instance)):
        return objects.children_values(m, value)
    if isinstance(value, Const) and isinstance(value.value, str) and len(value.value) <= 64:
        return tuple(Const(c) for c in value.value)
    return None


def element(m: Machine, value: Value, place: Place) -> Value:
    """What one step of iterating over a value gives, where the number of steps is unknown."""
    value = m.resolve(value)
    if isinstance(value, Alternatives):
        return m.over([value], lambda v: element(m, v[0], place))
    if isinstance(value, (Tuple, List)):
        return join.element_of(value)
    if isinstance(value, Tensor):
        via = Via("unbind", {"input": value}, place)
        return value.with_(shape=value.shape[1:] if value.shape else None, via=via)
    if isinstance(value, Object):
        return data.drawn_from(m, value, place)
    if isinstance(value, Instance):
        return data.drawn_from_instance(m, value, place)
    return UNKNOWN


def escape(m: Machine, args: Sequence[Value], keywords: Mapping[str, Value]) -> None:
    """Values were given to something unknown: containers may have changed."""
    for value in [*args, *keywords.values()]:
        if type(value) is List:
            lists.forget(m, value)
        elif type(value) is Dict:
            m.write(value.meta, "open", True)


# --- methods of strings, lists and dicts -------------------------------------------------------------------------


def call_method(
    m: Machine, receiver: Value, method: str, args: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> Value:
    """A method of a Python container or string."""
    if isinstance(receiver, List):
        return lists.call_method(m, receiver, method, args)
    if isinstance(receiver, Dict):
        return _dict_method(m, receiver, method, args, keywords)
    if isinstance(receiver, Tuple):
        return Number(kind="int") if method in ("index", "count") else UNKNOWN
    if isinstance(receiver, Const) and isinstance(receiver.value, str):
        return _str_method(receiver.value, method, args)
    if isinstance(receiver, Number) and method == "backward":
        training.record(m, "backward", receiver, "", place)
        return NONE
    if isinstance(receiver, Text):
        return Text() if method in ("lower", "upper", "strip", "replace", "format", "join") else UNKNOWN
    return UNKNOWN


def _dict_method(m: Machine, target: Dict, method: str, args: Sequence[Value], keywords: Mapping[str, Value]) -> Value:
    exact = not target.meta.get("open")
    if method == "items" and exact:
        return make_list(Tuple((Const(k), v)) for k, v in target.items.items())
    if method == "keys" and exact:
        return make_list(Const(k) for k in target.items)
    if method == "values":
        return make_list(target.items.values()) if exact else list_of(join.summary(target.items.values()))
    if method in ("get", "pop", "setdefault") and args:
        key = m.resolve(args[0])
        named = dynamic.item(m, target, key) if "of" in target.meta else None
        if named is not None:
            return named
        default = args[1] if len(args) > 1 else NONE
        if isinstance(key, Const):
            found = target.items.get(key.value)
            if found is not None:
                if method == "pop":
                    m.remove(target.items, key.value)
                return m.resolve(found)
            if method == "setdefault":
                m.write(target.items, key.value, default)
            return default if exact else UNKNOWN
        few = len(target.items) <= join.MOST_ALTERNATIVES
        if exact and target.items and isinstance(key, Unknown):
            called = not dynamic.CALLABLE.isdisjoint(map(type, target.items.values()))
            if few or called:
                missed = default if method == "get" and not called else None  # what is to be called will be there
                return dynamic.choice(key.key or m.fresh_key(), target.items.items(), missed)
        return UNKNOWN
    if method == "update":
        for other in [m.resolve(a) for a in args]:
            if isinstance(other, Dict):
                for k, v in other.items.items():
                    m.write(target.items, k, v)
                if other.meta.get("open"):
                    m.write(target.meta, "open", True)
            else:
                m.write(target.meta, "open", True)
        for k, v in keywords.items():
            m.write(target.items, k, v)
        return NONE
    if method == "copy":
        return Dict(dict(target.items), dict(target.meta))
    if method == "clear":
        for k in list(target.items):
            m.remove(target.items, k)
        return NONE
    if method == "items":
        return list_of(Tuple((UNKNOWN, target.meta.get("element", UNKNOWN))))
    return UNKNOWN


def _str_method(text: str, method: str, args: Sequence[Value]) -> Value:
    plain = [a.value for a in args if isinstance(a, Const) and isinstance(a.value, (str, int))]
    allowed = {
        "lower", "upper", "strip", "startswith", "endswith", "split", "replace", "title", "capitalize", "lstrip",
        "rstrip", "isdigit", "count", "find", "partition", "rsplit", "removeprefix", "removesuffix",
    }  # fmt: skip
    if method == "join" and args and isinstance(args[0], (Tuple, List)) and args[0].items is not None:
        parts = [v.value for v in args[0].items if isinstance(v, Const) and isinstance(v.value, str)]
        return Const(text.join(parts)) if len(parts) == len(args[0].items) else Text()
    if method == "format" and len(plain) == len(args) and args:
        return _filled(text, plain)
    if method not in allowed or len(plain) != len(args):
        return Text() if method in ("format", "join", "lower", "upper", "replace", "strip") else UNKNOWN
    try:
        result = getattr(text, method)(*plain)
    except (TypeError, ValueError):
        return UNKNOWN
    if isinstance(result, (bool, int, str)):
        return Const(result)
    return make_list(Const(p) for p in result) if method in ("split", "rsplit", "partition") else UNKNOWN
