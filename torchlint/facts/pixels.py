"""The way of an image, read back from the tensor that it became.

Definitions
    step     one thing that was done to the values on the way: a file read, a transform applied, an operation
    history  the steps of a value, oldest first, found by following what each operation works on
    picture  the operand of an operation that the way goes through: of several, the one that is known to be an image
    draw     the number of a call of a random transform; what one call transforms shares it

Worked example: the history of ``batch / 255`` where ``batch`` came from
``ImageFolder(root, Compose([RandomHorizontalFlip(), PILToTensor()]))`` is ``dataset`` (`ImageFolder`),
``geometric`` (`RandomHorizontalFlip`, random), ``pil_to_tensor`` (`PILToTensor`) and ``div``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

import msgspec

from torchlint.facts.computation import MOVES, VALUELESS, parts
from torchlint.flow.values import (
    Applied,
    Const,
    Library,
    List,
    Number,
    Place,
    Tensor,
    Tuple,
    Unknown,
    Value,
    Via,
)

#: Steps of one history that are looked at.
MOST_STEPS = 200

#: Operations that leave numbers as they are, but for what a cast to integers cuts off.
KEEPING = MOVES | {
    "long", "int", "short", "byte", "char", "ascontiguousarray", "asanyarray", "pin_memory", "expand_dims",
    "atleast_2d", "atleast_3d", "repeat", "tile", "flip", "fliplr", "flipud", "rot90", "roll", "swapaxes", "rollaxis",
}  # fmt: skip

#: Arguments that say where and how the numbers of a result are held, and not what they are.
SETTINGS = frozenset({"device", "dtype", "generator", "requires_grad", "size", "pin_memory", "memory_format", "*"})

Setting = bool | int | float | str | None | tuple["Setting", ...]


class PixelStep(msgspec.Struct, frozen=True):
    """One step of an image's way.

    does: a transform's word (``to_tensor``, ``normalize``, ``resize``, …), ``dataset``, or the operation's name
    (``div``, ``imread``); name: as the program spells it; place: where it would be changed, the construction of a
    transform or the operation; at: where it happens; before: what it is given, None where the way begins; after: what
    it gives, None if that is not known; transform: whether it is a transform of pictures, a library's or a method of a
    PIL image; random, draw, seeded: as in `Applied`; operand: where the program spells what an operation works on.
    """

    does: str
    name: str
    place: Place
    at: Place
    before: Tensor | None
    after: Tensor | None
    arguments: Mapping[str, Value]
    transform: bool = False
    random: bool = False
    draw: int = 0
    seeded: int = 0
    operand: Place | None = None

    def setting(self, name: str) -> Setting:
        """A setting as a Python value, a library's constant by the last component of its name; None if unknown."""
        return setting(self.arguments.get(name))

    @property
    def displaces(self) -> bool:
        """Whether it moves pixels to places that it draws: not where it always does the same."""
        if not self.random or self.does not in ("geometric", "crop", "resize"):
            return False
        if "Flip" in self.name and self.setting("p") in (0, 1):
            return False
        degrees = self.setting("degrees")
        return not (isinstance(degrees, tuple) and len(set(degrees)) == 1 and "translate" not in self.arguments)


def setting(value: Value | None) -> Setting:
    """A constant, a list of constants as a tuple, or the last component of a library's name; None if unknown."""
    if isinstance(value, Const):
        return value.value
    if isinstance(value, Library):
        return value.name.rsplit(".", 1)[-1]
    if isinstance(value, (Tuple, List)) and value.items is not None:
        return tuple(setting(item) for item in value.items)
    return None


def history(value: Value | None) -> tuple[PixelStep, ...]:
    """The steps by which a value came to be, oldest first; empty if nothing is known of it."""
    found = list(_back(value))
    found.reverse()
    return tuple(found)


def _back(value: Value | None) -> Iterator[PixelStep]:
    for _ in range(MOST_STEPS):
        if not isinstance(value, (Tensor, Unknown, Number)) or value.via is None:
            return
        after = value if isinstance(value, Tensor) else None
        before = picture(value.via)
        if before is None and value.via.op == "model" and after is not None and after.run is not None:
            before = next((given for given in after.run.inputs if isinstance(given, Tensor)), None)
        yield step_of(value.via, after, before)
        value = before


def step_of(via: Via, after: Tensor | None = None, before: Value | None = None) -> PixelStep:
    """An operation as a step; `after` is what it gave, `before` what it was given, where `via` does not say it."""
    before = picture(via) if before is None else before
    given = before if isinstance(before, Tensor) else None
    place, name = via.made or via.place, via.text or via.op
    if not isinstance(via, Applied):
        operand = None if via.operand is None else Place(via.place.path, via.operand)
        return PixelStep(via.op, name, place, via.place, given, after, via.arguments, operand=operand)
    draw = via.draw if via.random else 0
    return PixelStep(via.does, name, place, via.place, given, after, via.arguments, True, via.random, draw, via.seeded)


def picture(via: Via) -> Value | None:
    """The operand that the way of an image goes through."""
    candidates: list[Value] = []
    for name, argument in islice(via.arguments.items(), via.op in VALUELESS, None):
        if isinstance(argument, Tensor) or (isinstance(argument, Unknown) and name not in SETTINGS):
            candidates.append(argument)
        elif isinstance(argument, (List, Tuple)):
            candidates.extend(part for part in parts(argument) if isinstance(part, Tensor))
    for candidate in candidates:
        if isinstance(candidate, Tensor) and candidate.meaning is not None and candidate.meaning.kind == "image":
            return candidate
    return next(iter(candidates), None)
