"""Where the values of an image are moved and scaled: by a transform, or by arithmetic with constants.

Definitions
    rescaling  ``(x / limit − mean) / std``, channel by channel: one transform, or a run of additions and
               multiplications by constants that belong together
    scale      a rescaling that moves nothing, as ``ToTensor`` and ``/ 255`` do; every other is a normalization
    run        arithmetic with nothing between but moves and geometry. A division that brings bytes to [0, 1], or the
               other way round, stands by itself, and so does what comes after both a move and a scaling

Worked example: ``(ToTensor()(photo) * 255 − 127.5) / 128`` has three rescalings: the scale of `ToTensor`, the scale
``* 255``, and a normalization with mean 127.5 and std 128.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from torchlint.facts.base import Fact, Occurrence
from torchlint.facts.computation import MOVES, core, parts
from torchlint.facts.pixels import PixelStep, history, step_of
from torchlint.flow.constants import constants
from torchlint.flow.events import ARITHMETIC, Event, OpEvent, TransformEvent
from torchlint.flow.interval import Interval
from torchlint.flow.spell import spell_guard, unnamed
from torchlint.flow.values import Place, Tensor, Value, Via

#: Transforms that bring bytes to [0, 1].
SCALING = frozenset({"to_tensor", "convert_dtype", "to_dtype", "to_float"})

#: What may stand between two operations of one run.
BETWEEN = MOVES | {"geometric", "resize", "crop", "identity", "to_image", "pil_to_tensor", "to_tensor_v2", "float32"}

#: A number as large divides bytes, not values near 1.
BYTES = 200.0


class Rescaling(msgspec.Struct, frozen=True, eq=False):
    """Values are moved and scaled.

    mean, std: the statistics, one number for each channel or one for all; None if they are not known. limit: what a
    transform divides by before. name: the transform's or function's, empty for arithmetic; library: the module that
    has it; settings: its own. place: where it would be changed; at: where it is complete. before, after: the values,
    None where nothing is known of them; moves: whether a mean is taken off, even one that is not known. steps: the
    operations of a run; via: the transform. Two of them are equal if all but their settings, steps and transforms are.
    """

    name: str
    place: Place
    at: Place
    before: Tensor | None
    after: Tensor | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    moves: bool = True
    limit: float = 1.0
    library: str = ""
    settings: Mapping[str, Value] = msgspec.field(default_factory=dict)
    steps: tuple[Via, ...] = ()
    via: Via | None = None

    @property
    def given_by(self) -> Tensor | Via | None:
        """What comes out, or where that is not known the transform that gives it."""
        return self.via if self.after is None else self.after

    def _compared(self) -> tuple[object, ...]:
        return (self.name, self.place, self.at, self.before, self.after, self.mean, self.std, self.moves, self.limit,
                self.library)  # fmt: skip

    def __eq__(self, other: object) -> bool:
        return self._compared() == other._compared() if isinstance(other, Rescaling) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._compared())

    @property
    def known(self) -> bool:
        """Whether both statistics are known, and can be applied to one image."""
        if self.mean is None or self.std is None or any(s == 0 for s in self.std):
            return False
        return len({len(self.mean), len(self.std)} - {1}) <= 1

    @property
    def given(self) -> Interval | None:
        """The range of what the statistics are applied to."""
        found = self.before.range if self.before is not None else None
        return None if found is None else Interval(found.low / self.limit, found.high / self.limit, found.tight)

    @property
    def result(self) -> Interval | None:
        """The range of what comes out, exact if that of what goes in is."""
        return None if self.given is None else self.applied(self.given)

    def applied(self, given: Interval) -> Interval | None:
        """The range of what the statistics make of values of that range; None if they are not known."""
        if self.mean is None or self.std is None or not self.known:
            return None
        count = max(len(self.mean), len(self.std))
        pairs = [(self.mean[i % len(self.mean)], self.std[i % len(self.std)]) for i in range(count)]
        ends = [(x - m) / s for m, s in pairs for x in (given.low, given.high)]
        return Interval(min(ends), max(ends), given.tight)

    @property
    def usual(self) -> bool:
        """Whether these are statistics of images in [0, 1]: means inside, deviations of a part of it."""
        if not self.known or self.mean is None or self.std is None:
            return False
        return all(0.0 < m <= 1.0 for m in self.mean) and all(0.0 < s < 1.0 for s in self.std)


class ImageRescaled(Fact, frozen=True):
    """The values of an image are moved and scaled, by a transform or by arithmetic with constants.

    done: how; earlier: what was done to them before, oldest first. alone: whether the code there meets no other image
    that has a different range or history. operand: where that stands which arithmetic works on, if it begins with an
    operator. `place` is that of `done`; where the code there is right for other images, the call that passes this one.
    """

    done: Rescaling
    earlier: tuple[Rescaling, ...]
    alone: bool = False
    operand: Place | None = None


def rescalings(value: Value | None) -> tuple[Rescaling, ...]:
    """How the values of an image were moved and scaled on its way, oldest first."""
    return tuple(_read(history(value)))


def _read(steps: Sequence[PixelStep]) -> Iterator[Rescaling]:
    run: Rescaling | None = None
    for step in steps:
        if step.transform and (step.does == "normalize" or step.does in SCALING):
            if run is not None:
                yield run
            run = None
            one = of_transform(step)
            if one is not None:
                yield one
            continue
        found = _of_arithmetic(step)
        if found is None:
            if run is not None and step.does not in BETWEEN:
                yield run
                run = None
            continue
        together = _together(run, found) if run is not None else None
        if run is not None and together is None:
            yield run
        run = together or found
    if run is not None:
        yield run


def of_transform(step: PixelStep) -> Rescaling | None:
    """What a transform does; None if it scales nothing."""
    if step.does == "normalize":
        other = step.setting("normalization") not in (None, "standard")
        mean, std = (None if other else constants(step.arguments.get(name)) for name in ("mean", "std"))
        limit = step.setting("max_pixel_value")
        known = isinstance(limit, (int, float)) and limit > 0
        if "max_pixel_value" in step.arguments and not known:
            mean = std = None
        whole = float(limit) if known and isinstance(limit, (int, float)) else 1.0
        return Rescaling(
            step.name, step.place, step.at, step.before, step.after, mean, std, True, whole, settings=step.arguments
        )
    before = step.before.range if step.before is not None else None
    after = step.after.range if step.after is not None else None
    limit = step.setting("max_value")
    if step.does == "to_float" and step.before is not None and step.before.dtype == "float32":
        return None
    if step.does == "to_float" and isinstance(limit, (int, float)):
        factor = float(limit)
    elif before is None or after is None or before == after or after.high == 0:
        return None
    else:
        factor = before.high / after.high
    return Rescaling(step.name, step.place, step.at, step.before, step.after, (0.0,), (factor,), False)


def _of_arithmetic(step: PixelStep) -> Rescaling | None:
    """What one operation with constants does to an image; None if it is none, or turns the values over."""
    if step.does not in ARITHMETIC or step.transform:
        return None
    first, second = step.arguments.get("input"), step.arguments.get("other")
    turned = second is step.before and first is not step.before
    if step.before is None or first is None or second is None or (turned and step.does in ("sub", "div")):
        return None
    other = first if turned else second
    if isinstance(other, Tensor) and other.meaning is not None and other.meaning.kind == "image":
        return None
    numbers = constants(other)
    moves = step.does in ("add", "sub")
    mean: tuple[float, ...] | None = (0.0,)
    std: tuple[float, ...] | None = (1.0,)
    if moves:
        mean = None if numbers is None else tuple(x if step.does == "sub" else -x for x in numbers)
        moves = mean is None or any(mean)
    elif numbers is None or (step.does == "mul" and 0.0 in numbers):
        std = None
    else:
        std = numbers if step.does == "div" else tuple(1 / x for x in numbers)
    via = Via(step.does, step.arguments, step.at)
    return Rescaling("", step.place, step.at, step.before, step.after, mean, std, moves, steps=(via,))


def _whole(one: Rescaling) -> bool:
    """Whether it brings bytes to [0, 1] or back, and so stands by itself."""
    if one.moves or one.std is None or len(set(one.std)) != 1:
        return False
    scale = one.after.meaning.scale if one.after is not None and one.after.meaning is not None else ""
    return one.std[0] >= BYTES or one.std[0] <= 1 / BYTES or scale in ("unit", "byte")


def _together(run: Rescaling, one: Rescaling) -> Rescaling | None:
    """Both as one rescaling; None if they are two."""
    if _whole(run) or (_whole(one) and (not run.moves or run.std != (1.0,))):
        return None
    scaled = run.std is None or any(s != 1.0 for s in run.std)
    if run.moves and scaled:
        return None
    joined = replace(run, at=one.at, after=one.after, moves=run.moves or one.moves, steps=run.steps + one.steps)
    if run.mean is None or run.std is None or one.mean is None or one.std is None:
        return replace(joined, mean=None, std=None)
    counts = {len(numbers) for numbers in (run.mean, run.std, one.mean, one.std)}
    if len(counts - {1}) > 1:
        return replace(joined, mean=None, std=None)
    # ((x − m) / s − n) / t is (x − (m + s·n)) / (s·t)
    mean = _combined(run.mean, _combined(run.std, one.mean, product=True))
    return replace(joined, mean=mean, std=_combined(run.std, one.std, product=True))


def _combined(left: tuple[float, ...], right: tuple[float, ...], *, product: bool = False) -> tuple[float, ...]:
    pairs = [(left[i % len(left)], right[i % len(right)]) for i in range(max(len(left), len(right)))]
    return tuple(a * b if product else a + b for a, b in pairs)


def images_rescaled(events: Sequence[Event]) -> Iterable[Occurrence]:
    """All rescalings of images, grouped by call."""
    groups: dict[tuple[Place, Place, int], list[ImageRescaled]] = {}
    calls: dict[int, Place] = {}
    written: list[tuple[OpEvent, tuple[Rescaling, ...]]] = []
    inner: set[int] = set()
    stands: dict[int, Place] = {}
    for event in events:
        if isinstance(event, OpEvent | TransformEvent) and unnamed(event.guard):
            continue  # perhaps it is decided by the image itself whether to scale it
        if isinstance(event, TransformEvent):
            step = step_of(event.via)
            one = of_transform(step) if step.does == "normalize" or step.does in SCALING else None
            if one is not None and (event.input.range is not None or event.input.shape is not None):
                one = replace(one, library=event.full.rpartition(".")[0], via=event.via)
                fact = ImageRescaled(one.place, spell_guard(event.guard), one, rescalings(event.input))
                groups.setdefault((event.place, event.made, event.call), []).append(fact)
        elif isinstance(event, OpEvent) and event.via.op in ARITHMETIC and _pictured(event.result):
            found = rescalings(event.result)
            if event.via.operand is None and event.via.arguments.get("input") is event.input:
                stands.update({id(event.via.arguments): at} if (at := event.arguments_at.get("input")) else {})
            if found and found[-1].steps and found[-1].at == event.place:
                written.append((event, found))
                inner.update(id(step.arguments) for step in found[-1].steps[:-1])
    for event, found in written:
        if id(event.via.arguments) not in inner:
            fact = ImageRescaled(
                found[-1].place,
                spell_guard(event.guard),
                found[-1],
                found[:-1],
                False,
                stands.get(id(found[-1].steps[0].arguments)),
            )
            groups.setdefault((event.place, event.place, event.call), []).append(fact)
            if event.called is not None and _passes(event, fact.done.before):
                calls[id(fact)] = event.called
    met: dict[Place, set[object]] = {}
    for group in groups.values():
        for fact in group:
            met.setdefault(fact.place, set()).add(_kind(fact.done))
    for group in groups.values():
        yield Occurrence((tuple(_placed(fact, len(met[fact.place]) == 1, calls.get(id(fact))) for fact in group),))


def _passes(event: OpEvent, image: Tensor | None) -> bool:
    """Whether the call of the function that does it passes the image."""
    wanted = core(image)
    return wanted is not None and any(core(part) is wanted for value in event.given for part in parts(value))


def _placed(fact: ImageRescaled, alone: bool, call: Place | None) -> ImageRescaled:
    return replace(fact, alone=alone, place=fact.place if alone or call is None else call)


def _pictured(value: Value) -> bool:
    return isinstance(value, Tensor) and value.meaning is not None and value.meaning.kind == "image"


def _kind(one: Rescaling) -> object:
    before = one.before
    meaning = before.meaning if before is not None else None
    return (before.range, meaning.scale, meaning.normalized) if before is not None and meaning is not None else None


__all__ = ["ImageRescaled", "Rescaling", "images_rescaled", "rescalings"]
