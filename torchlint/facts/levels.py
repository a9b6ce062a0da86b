"""Levels: the numbers that black and white have become on the way of a picture.

Definitions
    levels   for each channel, or for all alike, what 0 and 1 of an image in [0, 1] are after what was done to them
    affine   what takes levels to levels: a scaling, a shift, a normalisation; anything else that computes ends them
    origin   where levels begin: a file or dataset of pictures, or the output of a model that is trained to be like
             pictures of known levels, or that ends in a tanh

Worked example: a byte image has the levels (0, 255), after ``ToTensor`` (0, 1), and after ``Normalize(0.5, 0.5)``
(−1, 1). If the outputs of a decoder are compared with such images in a loss, they have the levels (−1, 1) too, in
whatever file they are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from torchlint.facts.computation import JOINTS, MOVES, core, head, operand, options
from torchlint.facts.pixels import MOST_STEPS, PixelStep, picture, step_of
from torchlint.flow.events import Event, LossEvent, RunEvent
from torchlint.flow.values import Const, Guard, List, Number, Place, Run, Tensor, Tuple, Unknown, Value

Channels = tuple[tuple[float, float], ...]


class Levels(msgspec.Struct, frozen=True):
    """See the module's definitions.

    channels: (black, white) of each channel, or one pair for all. shifted: the `Normalize` that moved black, or the
    last shift by hand. undone: whether there was arithmetic after a `Normalize`, or on a model's output. cut: whether
    values were clamped. like: where the loss is called that teaches a model to give such pictures; model: its name, or
    that of one which ends in a tanh, else empty.
    """

    channels: Channels
    shifted: PixelStep | None = None
    undone: bool = False
    cut: bool = False
    like: Place | None = None
    model: str = ""

    @property
    def raised(self) -> bool:
        """Whether black is no longer 0 in some channel, by more than rounding."""
        return any(abs(black) > SLACK * abs(white - black) for black, white in self.channels)

    @property
    def signed(self) -> bool:
        """Whether black is −1 and white 1."""
        return all(abs(black + 1.0) < 1e-3 and abs(white - 1.0) < 1e-3 for black, white in self.channels)

    @property
    def text(self) -> str:
        """The least and the greatest number that black and white are."""
        low, high = min(black for black, _ in self.channels), max(white for _, white in self.channels)
        return f"{_number(low)} for black and {_number(high)} for white"


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


#: What pictures are multiplied or divided by to be bytes.
BYTES = {255.0, 256.0, 1.0 / 255.0}

#: Black that is off by less than this part of the distance to white is black.
SLACK = 0.06

#: Transforms that leave the levels where they are.
KEPT = frozenset(
    {
        "resize", "crop", "pad", "geometric", "photometric", "erase", "identity", "choice", "to_image", "pil_to_tensor",
        "to_tensor_v2", "convert", "point",
    }
)  # fmt: skip

#: Operations that do so, beside moves.
STILL = MOVES | JOINTS | frozenset({"batch", "interpolate", "upsample", "resize", "pad", "blur", "GaussianBlur"})
CLAMPS = frozenset({"clamp", "clamp_", "clip", "clamp_min", "clamp_max"})

#: Names of losses that teach an output to be like its target, number by number.
LIKENESS = frozenset({"mse", "l1", "smooth-l1", "huber"})


class Taught(msgspec.Struct, frozen=True):
    """What models of a program are taught to give. heads: the levels of last layers that a loss compares with pictures,
    None where those differ or are not known; signed: whether a tanh may be taken to give −1 for black, since nothing is
    trained on pictures in which black is 0."""

    heads: Mapping[object, Levels | None]
    signed: bool = True


UNTAUGHT = Taught({})


def taught(events: Sequence[Event], *, whole: bool = True) -> Taught:
    """Read off the losses and the trainings of a program; `whole`: whether the events are all that it does."""
    found: dict[object, list[Levels | None]] = {}
    plain = False
    for event in events:
        if isinstance(event, RunEvent) and event.run.graded and event.run.training is not False:
            plain = plain or any(_is_plain(value, event.guard) for value in event.run.inputs)
        if not isinstance(event, LossEvent) or event.family not in LIKENESS:
            continue
        sides = [options(event.arguments[name], event.guard) for name in ("input", "target")]
        for one, other in (sides, sides[::-1]):
            for _, made in one:
                key: object = head(made)
                if made is None or key is None or (made.run is None and made.grad != "attached"):
                    continue
                for _, wanted in other:
                    if wanted is not None and wanted.run is None and wanted.grad != "attached":
                        levels = levels_of(wanted)
                        name = made.run.name if made.run is not None else ""
                        known = replace(levels, like=event.place, model=name) if levels is not None else None
                        plain = plain or (levels is not None and not levels.raised)
                        found.setdefault(key, []).append(known)
    return Taught({key: _agreed(several) for key, several in found.items()}, whole and not plain)


def _is_plain(value: Value, guard: Guard) -> bool:
    """Whether a model is given pictures in which black is 0."""
    for _, given in options(value, guard):
        levels = levels_of(given) if given is not None and given.run is None else None
        if levels is not None and not levels.raised:
            return True
    return False


def _agreed(several: Sequence[Levels | None]) -> Levels | None:
    first = several[0]
    alike = first is not None and all(one is not None and _close(one.channels, first.channels) for one in several)
    return first if alike else None


def _close(one: Channels, other: Channels) -> bool:
    flat, others = ([value for pair in channels for value in pair] for channels in (one, other))
    return len(flat) == len(others) and all(abs(a - b) < 1e-3 * (1 + abs(b)) for a, b in zip(flat, others))


def levels_of(value: Value | None, known: Taught = UNTAUGHT) -> Levels | None:
    """The levels of a picture; None if they are not known."""
    steps: list[tuple[PixelStep, bool]] = []
    levels: Levels | None = None
    run: Run | None = None
    for _ in range(MOST_STEPS):
        if not isinstance(value, Tensor) or value.via is None:
            return None
        run = value.run or run
        levels = _origin(value, run, known)
        if levels is not None:
            break
        before = picture(value.via)
        if before is None:
            return None
        first = operand(value.via)
        steps.append((step_of(value.via, value), before is first or first is None))
        value = before
    for step, front in reversed(steps):
        levels = _after(step, levels, front) if levels is not None else None
        if levels is None:
            return None
    return levels


def _origin(value: Tensor, run: Run | None, known: Taught) -> Levels | None:
    """The levels that begin with a value; run: the call of a model that gave it, or what was made of it since."""
    via = value.via
    assert via is not None
    if run is not None and via.op not in MOVES:
        key = head(value)
        if key in known.heads:
            return known.heads[key]
        if via.op == "tanh" and known.signed:
            return Levels(((-1.0, 1.0),), model=run.name)
    meaning, extent = value.meaning, value.range
    if picture(via) is None and meaning is not None and meaning.kind == "image" and extent is not None:
        if meaning.normalized or extent.low != 0.0 or extent.high not in (1.0, 255.0):
            return None
        return Levels(((0.0, extent.high),))
    return None


def _after(step: PixelStep, levels: Levels, front: bool) -> Levels | None:
    """The levels after a step; front: whether the picture is its first operand."""
    does, before = step.does, step.before
    if step.transform:
        if does == "normalize":
            return _normalized(step, levels)
        if does in ("to_tensor", "to_dtype", "convert_dtype", "to_float"):
            return _rescaled(step, levels)
        return levels if does in KEPT else None
    if does in ("make_grid", *CLAMPS):
        if does in CLAMPS:
            return replace(levels, cut=True)
        return levels if step.setting("normalize") is False else None
    if does in ("add", "sub", "mul", "div", "rsub"):
        other = step.arguments.get("other") if front else next(iter(step.arguments.values()), None)
        numbers = constants(other)
        return _computed(step, levels, _operation(does, front), numbers) if numbers else None
    if does == "neg":
        return _computed(step, levels, lambda value, other: -value, [0.0])
    if does == "cvtColor" and len({*levels.channels}) > 1:
        return None
    if does in STILL or does in ("cvtColor", "no_grad"):
        return levels
    return levels if before is not None and step.after is not None and does == "select" else None


def _operation(does: str, front: bool) -> Callable[[float, float], float]:
    if does == "add":
        return lambda value, other: value + other
    if does == "mul":
        return lambda value, other: value * other
    if does == "div":
        return (lambda value, other: value / other) if front else (lambda value, other: float("nan"))
    ahead = front if does == "sub" else not front
    return (lambda value, other: value - other) if ahead else (lambda value, other: other - value)


def _computed(
    step: PixelStep, levels: Levels, function: Callable[[float, float], float], numbers: Sequence[float]
) -> Levels | None:
    """Levels after arithmetic with constants, one for all channels or one for each."""
    count = max(len(levels.channels), len(numbers))
    if any(size not in (1, count) for size in (len(levels.channels), len(numbers))):
        return None
    pairs: list[tuple[float, float]] = []
    for i in range(count):
        black, white = levels.channels[i % len(levels.channels)]
        number = numbers[i % len(numbers)]
        if step.does == "div" and number == 0.0:
            return None
        pairs.append((function(black, number), function(white, number)))
    if any(pair != pair for black, white in pairs for pair in (black, white)):
        return None
    normalized = levels.shifted is not None and levels.shifted.transform
    shifted = step if step.does not in ("mul", "div") and not normalized else levels.shifted
    counted = step.does in ("mul", "div") and set(numbers) <= BYTES
    undone = levels.undone or (not counted and (normalized or bool(levels.model)))
    return replace(levels, channels=tuple(pairs), shifted=shifted, undone=undone)


def _normalized(step: PixelStep, levels: Levels) -> Levels | None:
    mean, std = (_settings(step.setting(name)) for name in ("mean", "std"))
    limit = step.setting("max_pixel_value")
    factor = float(limit) if isinstance(limit, (int, float)) else 1.0
    if not mean or not std or 0.0 in std or factor == 0.0:
        return None
    count = max(len(mean), len(std), len(levels.channels))
    if any(size not in (1, count) for size in (len(mean), len(std), len(levels.channels))):
        return None
    pairs = []
    for i in range(count):
        black, white = levels.channels[i % len(levels.channels)]
        center, spread = mean[i % len(mean)], std[i % len(std)]
        pairs.append(((black / factor - center) / spread, (white / factor - center) / spread))
    again = levels.shifted is not None or bool(levels.model)
    return replace(levels, channels=tuple(pairs), shifted=levels.shifted or step, undone=levels.undone or again)


def _settings(value: object) -> list[float]:
    items = value if isinstance(value, tuple) else (value,)
    found = [float(item) for item in items if isinstance(item, (int, float)) and not isinstance(item, bool)]
    return found if len(found) == len(items) else []


def _rescaled(step: PixelStep, levels: Levels) -> Levels | None:
    """Levels after a conversion of bytes, by what it does to the range."""
    before = step.before.range if step.before is not None else None
    after = step.after.range if step.after is not None else None
    if before is None or after is None or before.high <= 0.0:
        return None
    if before == after:
        return levels
    if before.low != 0.0 or after.low != 0.0:
        return None
    factor = after.high / before.high
    return replace(levels, channels=tuple((black * factor, white * factor) for black, white in levels.channels))


def constants(value: Value | None) -> list[float]:
    """The numbers of a constant, or of a list, array or tensor of constants; empty if they are not known."""
    if isinstance(value, (Tensor, Number, Unknown)):
        inner = core(value)
        via = inner.via if isinstance(inner, (Tensor, Number, Unknown)) else None
        if via is None or via.op not in MOVES:
            return []
        return constants(operand(via)) if not isinstance(operand(via), Tensor) else []
    if isinstance(value, Const):
        plain = isinstance(value.value, (int, float)) and not isinstance(value.value, bool)
        return [float(value.value)] if plain and isinstance(value.value, (int, float)) else []
    if isinstance(value, (List, Tuple)) and value.items:
        found = [constants(item) for item in value.items]
        return [one[0] for one in found] if all(len(one) == 1 for one in found) else []
    return []
