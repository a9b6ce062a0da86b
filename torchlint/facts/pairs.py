"""Whether an image and what its prediction is compared with were moved by the same draws.

Definitions
    draw    a number that the program draws and that decides where pixels go: in a random transform, in a test of the
            program's own (``if random.random() < 0.5``), or as an argument (``rotate(image, random.uniform(-9, 9))``)
    way     the history of an image or target under one guard
    moving  of a draw: the way under one outcome has a step that moves pixels, and under the other it has not

Worked example: ``flip(image), flip(mask)`` with one `RandomHorizontalFlip` has two draws, one for each call; the same
transform of ``torch.cat([image, mask])`` has one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from torchlint.facts.base import Fact, Occurrence
from torchlint.facts.computation import alternatives
from torchlint.facts.pixels import KEEPING, PixelStep, history
from torchlint.flow import join
from torchlint.flow.events import Event, LossEvent
from torchlint.flow.join import by_chance
from torchlint.flow.spell import spell_guard
from torchlint.flow.values import Chance, Guard, Place, Tensor, Value

#: Transforms, and operations on arrays, that move pixels.
MOVING = frozenset({"geometric", "crop", "resize", "flip", "fliplr", "flipud", "rot90", "roll", "rotate", "select",
                    "warpAffine", "warpPerspective", "remap"})  # fmt: skip
#: What of transforms and operations is known to leave pixels where they are, or always does the same.
PLAIN = frozenset({"to_tensor", "pil_to_tensor", "to_image", "to_tensor_v2", "convert", "resize", "normalize",
                   "to_dtype", "convert_dtype", "identity", "photometric", "point"})  # fmt: skip
VALUES = frozenset({"gt", "ge", "lt", "le", "eq", "ne", "div", "mul", "round", "one_hot", "resize", "where", "clamp",
                    "cvtColor"})  # fmt: skip
#: Families of losses that compare a picture with a picture of classes.
OF_CLASSES = frozenset({"cross-entropy", "nll", "bce", "bce-with-logits", "dice", "focal", "jaccard", "tversky"})
#: Combinations of alternatives that are looked at.
MOST_WAYS = 64


class Draw(msgspec.Struct, frozen=True):
    """A draw that moves a picture. name: what it decides, as the program spells it; made: where a random transform was
    constructed, else `place`; place: where the picture is moved; seeded: how often the state of random numbers was set
    before; key: what all pictures share that it moved."""

    name: str
    made: Place
    place: Place
    seeded: int
    key: object


class PairMoved(Fact, frozen=True):
    """A model is given an image, and a loss on its output a target that comes from another source: which draws moved
    the one and the other, of which at least one was. `place` is the call of the loss.

    loss: its name; image, target: the draws that moved the one and the other. mask: whether the target is known to be
    a picture of classes, and all that was done to it.
    """

    loss: str
    image: tuple[Draw, ...]
    target: tuple[Draw, ...]
    mask: bool


Way = tuple[Guard, tuple[PixelStep, ...]]


def pairs(events: Sequence[Event]) -> Iterable[Occurrence]:
    """The facts of all losses, those of one call as alternatives."""
    seen: set[object] = set()
    for event in events:
        if not isinstance(event, LossEvent):
            continue
        facts = tuple(_facts(event))
        key = (event.place, tuple((f.guard, f.image, f.target) for f in facts))
        if facts and key not in seen:
            seen.add(key)
            yield Occurrence((facts,))


def _facts(event: LossEvent) -> Iterator[PairMoved]:
    groups: dict[Guard, tuple[list[Way], list[Way]]] = defaultdict(lambda: ([], []))
    targets = [
        (guard, history(value))
        for guard, value in alternatives(event.arguments["target"], event.guard)
        if isinstance(value, Tensor) and value.run is None
    ]
    for guard, steps in _images(event):
        for other, mask in targets[:MOST_WAYS]:
            if not join.contradicts(guard, other) and steps and mask:
                both = join.merge(guard, other)
                images, masks = groups[tuple(one for one in both if not by_chance(one[0]))]
                images.append((both, steps))
                masks.append((both, mask))
    for found, (images, masks) in groups.items():
        if any(a[1][0].arguments is b[1][0].arguments for a, b in zip(images, masks, strict=True)):
            continue  # two views of one picture
        name = event.name.rsplit(".", 1)[-1]
        known = event.family in OF_CLASSES and all(_is_mask(steps) for _, steps in masks)
        yield PairMoved(event.place, spell_guard(found), name, _draws(images), _draws(masks), known)


def _images(event: LossEvent) -> Iterator[Way]:
    """The ways of what the model was given."""
    for guard, value in alternatives(event.arguments["input"], event.guard)[:MOST_WAYS]:
        run = value.run if isinstance(value, Tensor) else None
        given: Sequence[Value] = (value,) if run is None else run.inputs
        for one in given:
            for inner, image in alternatives(one, guard)[:MOST_WAYS]:
                if isinstance(image, Tensor):
                    yield inner, history(image)


def _is_mask(steps: Sequence[PixelStep]) -> bool:
    """Whether a picture was read, and nothing was done to it of which it is not known whether it moves pixels."""
    read = steps[0].after
    if read is None or read.meaning is None or steps[0].transform:
        return False
    if read.meaning.kind != "image" and not (read.meaning.kind == "class-index" and read.holder == "pil"):
        return False
    return all(step.does in PLAIN if step.transform else step.does in KEEPING | VALUES for step in steps[1:])


def _draws(ways: Sequence[Way]) -> tuple[Draw, ...]:
    """All draws that moved a picture, in the order of its ways."""
    found: dict[object, Draw] = {}
    for _, steps in ways:
        for step in steps:
            if step.displaces:
                found.setdefault(step.draw, Draw(step.name, step.place, step.at, step.seeded, step.draw))
            elif step.transform and step.does in MOVING:
                for number in (value for value in step.arguments.values() if isinstance(value, Chance)):
                    key = ("number", id(number))
                    found.setdefault(key, Draw(step.name, step.place, step.at, step.seeded, key))
    keys = dict.fromkeys(key for guard, _ in ways for key, _ in guard if by_chance(key))
    for key in keys:
        outcomes = ({}, {})  # type: tuple[dict[object, PixelStep], dict[object, PixelStep]]
        for guard, steps in ways:
            way = next((way for other, way in guard if other == key), None)
            if way is not None:
                outcomes[way].update(((step.at, step.does), step) for step in steps if step.does in MOVING)
        only = [step for at, step in outcomes[1].items() if at not in outcomes[0]]
        only += [step for at, step in outcomes[0].items() if at not in outcomes[1]]
        if only:
            seeded = max((step.seeded for step in only), default=0)
            found[key] = Draw(only[0].name, only[0].at, only[0].at, seeded, key)
    return tuple(found.values())
