"""Abstract values as a person reads them: for ``torchlint reveal``."""

from __future__ import annotations

from torchlint.flow.shape import render
from torchlint.flow.spell import spell_guard
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
    Namespace,
    Number,
    Object,
    Partial,
    Tensor,
    Tuple,
    Value,
)


def describe(value: Value, depth: int = 0) -> str:
    """One line that says all that is known of a value."""
    if depth > 2:
        return "…"
    d = depth + 1
    if isinstance(value, Const):
        return repr(value.value)
    if isinstance(value, Tensor):
        return _tensor(value)
    if isinstance(value, Alternatives):
        parts = [describe(v, d) + (f" if {text}" if (text := spell_guard(guard)) else "") for guard, v in value.options]
        return " | ".join(parts)
    if isinstance(value, Tuple):
        return "(" + ", ".join(describe(v, d) for v in value.items) + ")"
    if isinstance(value, List):
        if value.items is None:
            return f"{value.kind} of {describe(value.element, d)}"
        shown = ", ".join(describe(v, d) for v in value.items[:6])
        return f"[{shown}{', …' if len(value.items) > 6 else ''}]"
    if isinstance(value, Dict):
        shown = ", ".join(f"{k!r}: {describe(v, d)}" for k, v in list(value.items.items())[:6])
        return "{" + shown + (", …" if len(value.items) > 6 or value.meta.get("open") else "") + "}"
    if isinstance(value, Instance):
        return f"{value.cls.name} object"
    if isinstance(value, Object):
        return f"{value.name} object"
    if isinstance(value, Library):
        return value.name
    if isinstance(value, Number):
        return (
            str(value.dim) if value.dim is not None else f"number in {value.interval}" if value.interval else "number"
        )
    if isinstance(value, (Function, Class)):
        return f"{'function' if isinstance(value, Function) else 'class'} {value.name}"
    if isinstance(value, Namespace):
        return f"module {value.path}"
    if isinstance(value, Bound):
        name = value.function if isinstance(value.function, str) else value.function.name
        return f"method {name} of {describe(value.receiver, d)}"
    if isinstance(value, Partial):
        return f"partial of {describe(value.function, d)}"
    return "unknown"


def _tensor(t: Tensor) -> str:
    kind = {"tensor": "tensor", "numpy": "array", "pil": "image"}.get(t.holder, t.holder)
    parts = [kind]
    if t.dtype:
        parts.append(t.dtype)
    parts.append(f"shape {render(t.shape)}" if t.last is None else f"shape …×{render((t.last,))}")
    parts.append(f"range {t.range}" + ("" if t.range is None or t.range.tight else " (at most)"))
    if t.meaning is not None:
        meaning = t.meaning
        extra = [x for x in (meaning.mode, meaning.layout, meaning.scale and f"{meaning.scale} scale") if x]
        if meaning.normalized:
            extra.append("normalised")
        if meaning.dim is not None:
            extra.append(f"over dim {meaning.dim}")
        parts.append(f"meaning {meaning.kind}" + (f" ({', '.join(extra)})" if extra else ""))
    if t.grad:
        parts.append(f"gradient {t.grad}")
    if t.run is not None:
        parts.append(f"from {t.run.name}")
    return ", ".join(parts)
