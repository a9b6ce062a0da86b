"""The key ``confirm``: what a project may say of runs of its own models. It can refuse them and give data for them; to
allow them, or to say with what and how they are run, is for the person who runs torchlint.

Worked example::

    [tool.torchlint.confirm.inputs]
    "models.py:Net" = [[2, 3, 224, 224]]        # one shape for each input, in order

    [tool.torchlint.confirm.arguments]
    "models.py:Net" = {in_channels = 3}         # of the constructor, by name
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from torchlint.config.keys import Place, Wrong, meant, shown
from torchlint.config.values import Hints, Pattern

#: Who may say what a project's file may not.
_ELSEWHERE = "`--confirm` and your own configuration, which is no file of the project"

#: Keys of a user's own configuration and words of options, and why they are refused here.
_REFUSED = {
    "python": "names a program that would be run",
    "isolation": "weakens what holds the project's code",
    "cpu": "says how much of the machine may be used",
    "memory": "says how much of the machine may be used",
    "trust-refuted": "lets the project's code decide on the exit status",
}

_CLASS = re.compile(r"[^:]+\.(py|ipynb):[^\W\d]\w*(\.[^\W\d]\w*)*")
LARGEST, MOST, DEEPEST = 1 << 31, 16, 4


def read(value: Any, place: Place) -> Hints:
    """What the key says.

    Raises:
        Wrong: it says what a project may not, or not in a form that can be understood.
    """
    if not isinstance(value, dict):
        raise Wrong(f"must be a table, not {shown(value)}" + ("; write {enabled = false}" if value is False else ""))
    for name in value:
        if name in _REFUSED:
            raise Wrong(
                f".{name} is nothing that a project may say, since it {_REFUSED[name]}: use {_ELSEWHERE}", (name,)
            )
        if name not in _PARTS:
            raise Wrong(f"has no key that is called `{name}`{meant(name, _PARTS)}", (name,))
    return Hints(
        _off(value.get("enabled", _UNSAID)),
        tuple(_by_class(value, "inputs", place, _shapes)),
        tuple(_by_class(value, "arguments", place, _arguments)),
    )


_PARTS = ("enabled", "inputs", "arguments")
_UNSAID = object()


def _off(value: Any) -> bool:
    if value is _UNSAID or value is False:
        return value is False
    if value is True or isinstance(value, list):
        raise Wrong(
            f".enabled can only be false in a project's file: whether its code is run is not for the project to say; "
            f"use {_ELSEWHERE}",
            ("enabled",),
        )
    raise Wrong(f".enabled can only be false here, not {shown(value)}", ("enabled",))


def _by_class(value: Mapping[str, Any], part: str, place: Place, read_one: Any) -> Iterable[tuple[Pattern, Any]]:
    table = value.get(part, {})
    if not isinstance(table, dict):
        raise Wrong(f".{part} must be a table of classes, not {shown(table)}", (part,))
    for name, inner in table.items():
        if not _CLASS.fullmatch(name):
            raise Wrong(f'.{part} names no class as "file.py:Class" does: {shown(name)}', (part, name))
        try:
            yield Pattern(name, place.paths), read_one(inner)
        except Wrong as error:
            raise Wrong(f".{part} for {shown(name)} {error}", (part, name, *error.below)) from error


def _shapes(value: Any) -> tuple[tuple[int, ...], ...]:
    """``[[2, 3, 224, 224]]``: one shape for each input."""
    if not isinstance(value, list) or not value or len(value) > MOST:
        raise Wrong(f"must be a list of shapes, one for each input, not {shown(value)}")
    for number, shape in enumerate(value):
        if not isinstance(shape, list) or len(shape) > MOST:
            hint = f"; write {shown([value])}" if isinstance(shape, int) else ""
            raise Wrong(f"must be a list of shapes; {shown(shape)} is none{hint}", (number,))
        for size in shape:
            if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size < LARGEST:
                raise Wrong(f"must be a list of shapes; {shown(size)} is no size", (number,))
    return tuple(tuple(shape) for shape in value)


def _arguments(value: Any) -> tuple[tuple[str, Any], ...]:
    """``{in_channels = 3}``: plain data by the names of parameters."""
    if not isinstance(value, dict):
        raise Wrong(f"must be a table of arguments, not {shown(value)}")
    for name, inner in value.items():
        if not name.isidentifier():
            raise Wrong(f"has {shown(name)}, which is the name of no parameter", (name,))
        if not _is_plain(inner):
            raise Wrong(f"has {name}, which is neither a number, a text, true, false nor a list of these", (name,))
    return tuple(value.items())


def _is_plain(value: Any, depth: int = 0) -> bool:
    if isinstance(value, list):
        return depth < DEEPEST and all(_is_plain(one, depth + 1) for one in value)
    if isinstance(value, float):
        return value - value == 0  # finite
    return isinstance(value, bool | str) or (isinstance(value, int) and abs(value) < 1 << 63)


def written(hints: Hints) -> dict[str, Any]:
    """As TOML would have it."""
    found: dict[str, Any] = {"enabled": False} if hints.off else {}
    if hints.inputs:
        found["inputs"] = {_named(at): [list(shape) for shape in shapes] for at, shapes in hints.inputs}
    if hints.arguments:
        found["arguments"] = {_named(at): dict(values) for at, values in hints.arguments}
    return found


def _named(at: Pattern) -> str:
    """A class with its file as it is found from the working folder."""
    return os.path.normpath(os.path.join(at.folder, at.text)).replace(os.sep, "/")


def schema() -> Mapping[str, Any]:
    """The schema of the key's value."""
    named = {"pattern": f"^{_CLASS.pattern}$"}
    shape = {"type": "array", "maxItems": MOST, "items": {"type": "integer", "minimum": 1, "maximum": LARGEST - 1}}
    plain: dict[str, Any] = {"type": ["string", "number", "boolean"]}
    for _ in range(DEEPEST):
        plain = {"anyOf": [{"type": ["string", "number", "boolean"]}, {"type": "array", "items": plain}]}
    return {
        "type": "object",
        "properties": {
            "enabled": {"enum": [False]},
            "inputs": {
                "type": "object",
                "propertyNames": named,
                "additionalProperties": {"type": "array", "minItems": 1, "maxItems": MOST, "items": shape},
            },
            "arguments": {
                "type": "object",
                "propertyNames": named,
                "additionalProperties": {"type": "object", "additionalProperties": plain},
            },
        },
        "additionalProperties": False,
    }
