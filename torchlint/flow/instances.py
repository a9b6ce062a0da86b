"""``isinstance``: whether a value is of a class, as far as that is known."""

from __future__ import annotations

from torchlint.flow import objects
from torchlint.flow.machine import Machine
from torchlint.flow.values import (
    FALSE,
    TRUE,
    UNKNOWN,
    Class,
    Const,
    Dict,
    Instance,
    Library,
    List,
    Number,
    Object,
    Tensor,
    Text,
    Tuple,
    Unknown,
    Value,
)  # fmt: skip


def is_instance(m: Machine, value: Value, cls: Value) -> Value:
    """``isinstance(value, cls)`` as far as it is known."""
    if isinstance(cls, Tuple):
        results = [is_instance(m, value, m.resolve(c)) for c in cls.items]
        if any(r == TRUE for r in results):
            return TRUE
        if isinstance(value, Unknown) and value.key is not None:
            return Unknown(("isinstance", value.key, tuple(getattr(m.resolve(c), "name", "") for c in cls.items)))
        return FALSE if all(r == FALSE for r in results) else UNKNOWN
    if isinstance(value, Unknown):
        if value.key is not None and isinstance(cls, (Library, Class)):
            return Unknown(("isinstance", value.key, cls.name))
        return UNKNOWN
    if isinstance(value, Instance):
        if isinstance(cls, (Class, Library)) and cls in value.cls.mro:
            return TRUE
        if isinstance(cls, Library) and any(not isinstance(b, Class) for b in value.cls.mro):
            return (
                TRUE
                if cls.name == "torch.nn.Module" and objects.is_module(m, value)
                else FALSE
                if (cls.name.startswith(("torch.", "builtins.")))
                else UNKNOWN
            )
        return FALSE if all(isinstance(b, Class) for b in value.cls.mro) else UNKNOWN
    if isinstance(cls, Library):
        return _is_library_instance(m, value, cls.name)
    return FALSE if isinstance(cls, Class) else UNKNOWN


#: The classes of what holds numbers.
HOLDERS = {"torch.Tensor": "tensor", "numpy.ndarray": "numpy", "PIL.Image.Image": "pil"}


#: How the names of abstract classes of collections begin.
ABSTRACT = ("collections.abc.", "collections.Iter", "collections.Seq", "collections.Mapping", "typing.")

#: What Python's own collections are, by the classes of values that stand for them.
PROTOCOLS: dict[str, tuple[type[Value], ...]] = {
    "Iterable": (List, Dict, Tuple, Text, Tensor), "Sequence": (List, Tuple, Text), "Mapping": (Dict,),
    "Collection": (List, Dict, Tuple, Text), "Sized": (List, Dict, Tuple, Text, Tensor), "Container": (),
    "MutableSequence": (List,), "MutableMapping": (Dict,), "List": (List,), "Tuple": (Tuple,), "Dict": (Dict,),
}  # fmt: skip


def _has_protocol(value: Value, name: str) -> Value:
    """Whether a value is what ``collections.abc`` calls so."""
    kinds = PROTOCOLS.get(name)
    if not kinds or (isinstance(value, List) and value.kind != "list" and name != "Iterable"):
        return UNKNOWN
    if isinstance(value, Const):
        return Const(isinstance(value.value, str) and Text in kinds)
    if isinstance(value, Number):
        return FALSE
    return Const(type(value) in kinds) if isinstance(value, (List, Dict, Tuple, Text, Tensor)) else UNKNOWN


def _is_library_instance(m: Machine, value: Value, name: str) -> Value:
    if isinstance(value, Object):
        row = m.contracts.lookup(name)
        if name == "torch.nn.Module":
            return TRUE if value.kind in ("module", "loss", "model", "container") else FALSE
        if row is not None and row.name == value.name:
            return TRUE
        known = row is not None or name.startswith(("torch.nn.", "builtins."))
        wrappers = ("DataParallel" in name) or ("DistributedDataParallel" in name)
        return FALSE if known or wrappers else UNKNOWN
    python: dict[str, tuple[type, ...]] = {
        "builtins.list": (List,), "builtins.dict": (Dict,), "builtins.tuple": (Tuple,), "builtins.int": (int,),
        "builtins.float": (float,), "builtins.str": (str, Text), "builtins.bool": (bool,),
        **dict.fromkeys(HOLDERS, (Tensor,)),
    }  # fmt: skip
    kinds = python.get(name)
    if kinds is None and name.startswith(ABSTRACT):
        return _has_protocol(value, name.rpartition(".")[2])
    if kinds is None:
        return UNKNOWN if not isinstance(value, (Const, List, Dict, Tuple)) else FALSE if "." in name else UNKNOWN
    if isinstance(value, Const):
        return Const(
            isinstance(value.value, tuple(k for k in kinds if k in (int, float, str, bool)) or (Ellipsis.__class__,))
        )
    if isinstance(value, Tensor):
        return Const(value.holder == HOLDERS.get(name))
    if isinstance(value, (List, Dict, Tuple, Text)):
        return Const(isinstance(value, kinds))
    return UNKNOWN
