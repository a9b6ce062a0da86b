"""Windows that move over a picture, a series or a volume: convolutions, transposed ones, and pooling.

Definitions
    taps    the elements of a window, `kernel` of them in a dimension, `dilation` apart
    extent  the elements of the input from the first tap to the last: dilation·(kernel − 1) + 1
    phase   the place of an output among `stride` consecutive ones

Worked example: a transposed convolution of kernel 3 and stride 2 adds its taps to the output at distances 0, 1 and 2 of
every second place. Outputs of phase 0 are hit by two taps, those of phase 1 by one.

Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), chapter 4.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from torchlint.facts.base import Fact, Occurrence
from torchlint.facts.computation import alternatives
from torchlint.flow.events import Event, LayerEvent, WindowEvent
from torchlint.flow.library.convolve import per_dimension
from torchlint.flow.shape import Shape
from torchlint.flow.spell import spell_guard
from torchlint.flow.values import Const, Guard, Place, Value

#: Combinations of settings that are looked at; beyond them nothing is said.
MOST = 16


class WindowMade(Fact, frozen=True):
    """A layer with a window was constructed, or a pooling was called as a function, with settings that are known.

    name: ``ConvTranspose2d``, ``max_pool2d``; the settings are one number for each dimension, the first dimension
    first; `at` says where those that are written in the call stand. point: whether all that it is ever given has one
    element in each dimension, as the noise of a generator has.
    """

    name: str
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    output_padding: tuple[int, ...]
    at: Mapping[str, Place]
    point: bool = False

    @property
    def transposed(self) -> bool:
        """Whether it spreads its input instead of gathering it."""
        return self.name.startswith(("ConvTranspose", "LazyConvTranspose"))

    @property
    def extents(self) -> tuple[int, ...]:
        """How many elements of the input a window spans in each dimension."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    def phases(self, dim: int) -> tuple[int, ...]:
        """How many taps of a transposed convolution hit the outputs of each phase in a dimension."""
        taps = Counter(self.dilation[dim] * tap % self.stride[dim] for tap in range(self.kernel[dim]))
        return tuple(taps[phase] for phase in range(self.stride[dim]))


def windows(events: Sequence[Event]) -> Iterable[Occurrence]:
    """The windows, each place once for each setting."""
    seen: set[object] = set()
    sizes: dict[Place, set[bool]] = defaultdict(set)
    for event in events:
        if isinstance(event, LayerEvent) and event.layer.made is not None:
            sizes[event.layer.made].add(_is_point(event.input.shape))
    points = frozenset(place for place, found in sizes.items() if found == {True})
    for event in events:
        if isinstance(event, WindowEvent) and event.spatial:
            facts = tuple(_made(event, event.place in points))
            key = event.place, tuple((f.kernel, f.stride, f.padding, f.dilation, f.output_padding) for f in facts)
            if facts and key not in seen:
                seen.add(key)
                yield Occurrence((facts,))


def _is_point(shape: Shape) -> bool:
    """Whether a picture has one pixel."""
    return shape is not None and len(shape) > 2 and set(shape[2:]) == {1}


def _made(event: WindowEvent, point: bool) -> Iterator[WindowMade]:
    """The event with every combination of its settings; nothing where one of them is not known."""
    found: list[WindowMade] = []
    for guard, values in _combinations(event):
        fact = _settled(event, guard, values, point)
        if fact is None:
            return
        found.append(fact)
    yield from found


def _combinations(event: WindowEvent) -> list[tuple[Guard, dict[str, Value]]]:
    out: list[tuple[Guard, dict[str, Value]]] = [(event.guard, {})]
    for name in ("kernel_size", "stride", "padding", "dilation", "output_padding"):
        given = event.arguments.get(name)
        if given is not None:
            out = [
                (both, {**values, name: one}) for guard, values in out for both, one in alternatives(given, guard)
            ]  # fmt: skip
        if len(out) > MOST:
            return []
    return out


def _settled(event: WindowEvent, guard: Guard, values: Mapping[str, Value], point: bool) -> WindowMade | None:
    n = event.spatial
    kernel = per_dimension(values.get("kernel_size"), n, None)
    given = values.get("stride", Const(None))
    stride = per_dimension(given, n, 1)
    if given == Const(None) and "pool" in event.name.lower():
        stride = kernel
    pad = values.get("padding")
    told = isinstance(pad, Const) and isinstance(pad.value, str)
    padding = (0,) * n if told else per_dimension(pad, n, 0)
    dilation, extra = per_dimension(values.get("dilation"), n, 1), per_dimension(values.get("output_padding"), n, 0)
    settings = [_known(one) for one in (kernel, stride, padding, dilation, extra)]
    if None in settings or any(size < 1 for size in (*(settings[0] or ()), *(settings[1] or ()))):
        return None
    one, two, three, four, five = (setting or () for setting in settings)
    words = spell_guard(guard)
    return WindowMade(event.place, words, event.name, one, two, three, four, five, event.arguments_at, point)


def _known(setting: tuple[int | None, ...]) -> tuple[int, ...] | None:
    known = tuple(size for size in setting if size is not None)
    return known if len(known) == len(setting) else None
