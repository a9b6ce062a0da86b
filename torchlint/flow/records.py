"""Objects that are little more than their fields: dataclasses, ``NamedTuple`` and ``namedtuple``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchlint.flow import attributes, builtins, calls
from torchlint.flow.machine import Machine
from torchlint.flow.values import UNKNOWN, Class, Const, Instance, Library, Object, Place, Tuple, Value, has_rest
from torchlint.syntax import ir

DATACLASS = frozenset({"@dataclass", "@define", "@s", "@attrs"})


def is_record(instance: Instance) -> bool:
    """Whether an object's class is a dataclass."""
    return any(isinstance(c, Class) and not DATACLASS.isdisjoint(c.attrs) for c in instance.cls.mro)


def fill(m: Machine, instance: Instance, args: Sequence[Value], keywords: Mapping[str, Value]) -> bool:
    """Fill in the fields of a dataclass or ``NamedTuple``; false if the class is neither."""
    classes = [c for c in instance.cls.mro if isinstance(c, Class)]
    named = any(isinstance(b, Library) and b.name.endswith("NamedTuple") for b in instance.cls.mro)
    if not named and not is_record(instance):
        return False
    fields: dict[str, Value] = {}
    for cls in reversed(classes):
        declared = m.fields.get(id(cls.node))
        if declared is None:
            declared = m.fields[id(cls.node)] = [
                statement.target.name
                for statement in cls.node.body
                if isinstance(statement, ir.AnnAssign) and isinstance(statement.target, ir.Name)
            ]
        for name in declared:
            default = cls.attrs.get(name)
            fields[name] = UNKNOWN if default is None else _default(m, default)
    names = list(fields)
    for name, value in zip(names, args):
        fields[name] = value
    fields.update({k: v for k, v in keywords.items() if k in fields})
    for name, value in fields.items():
        m.write(instance.attrs, name, value)
    if named:
        m.write(instance.attrs, "()", tuple(fields.items()))
    post = attributes.find_method(m, instance, "__post_init__")
    if post is not None:
        calls.call_function(m, post, [instance], {}, instance)
    return True


def _default(m: Machine, default: Value) -> Value:
    """The default of a dataclass field; ``field(default_factory=f)`` calls f."""
    if type(default) is Object and default.kind == "field":
        factory = default.arguments.get("default_factory")
        if factory is not None:
            return calls.call(m, factory, [], {}, m.place(0))
        return default.arguments.get("default", UNKNOWN)
    return default


def named_tuple(m: Machine, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    """``namedtuple("Name", ["a", "b"])``: what is called with the fields."""
    given = m.resolve(args[1]) if len(args) > 1 else keywords.get("field_names", UNKNOWN)
    if isinstance(given, Const) and isinstance(given.value, str):
        names = given.value.replace(",", " ").split()
    else:
        items = builtins.items_of(m, given) or ()
        names = [str(i.value) for i in items if isinstance(i, Const)]
        if not names or len(names) != len(items):
            return UNKNOWN
    return Object("record", "collections.namedtuple", {}, {"fields": Tuple(tuple(Const(n) for n in names))}, place)


def make(m: Machine, record: Object, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    """A ``namedtuple`` of these values: its fields are attributes, and its items in order."""
    fields = record.attrs["fields"]
    assert isinstance(fields, Tuple)
    names = [str(f.value) for f in fields.items if isinstance(f, Const)]
    known = {**dict(zip(names, args)), **keywords} if not has_rest(args) else dict(keywords)
    pairs = tuple((name, known.get(name, UNKNOWN)) for name in names)
    return Object("fields", "collections.namedtuple", {}, {**dict(pairs), "()": pairs}, place)
