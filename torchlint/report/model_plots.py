"""Pictures of what a run showed of a model, as SVG to be put into a page: no scripts, no fonts, colours by the page.

Definitions
    rows plot   one row a layer with its name: up to `MOST_ROWS` layers
    index plot  layers by number from left to right, for more of them; the number is that of the page's table
    floor       where a logarithmic axis shows values of zero, apart from the least other one

**Invariant:** every text passes through `escaped`.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from torchlint.inspected import Histogram, Layer
from torchlint.report.model_words import amount, layer_name, number, shortened, sizes
from torchlint.report.text import visible

MOST_ROWS = 40
WIDTH = 860
_ROW = 20
_RIGHT = 24
_CHARACTERS, _CHARACTER = 38, 7.3  # of a name at the left, and the pixels of one


class Series(NamedTuple):
    """What a plot shows of each layer: a label, the class of its colour, and the value or None."""

    label: str
    style: str
    value: Callable[[Layer], float | None]


WEIGHTS = Series("of its parameters", "one", lambda layer: layer.weight_gradient)
OUTPUT = Series("of its output", "two", lambda layer: layer.activation_gradient)
NUMBERS = Series(
    "numbers a sample", "one", lambda layer: None if not layer.shape else float(math.prod(layer.shape[1:]))
)


def escaped(text: str) -> str:
    """Text for markup: harmless in elements and in attributes, without control characters."""
    return html.escape(visible(text), quote=True)


def histogram(found: Histogram) -> str:
    """How often which output was seen; nothing without finite numbers."""
    if not found.counts:
        return ""
    height, left, top, bottom = 300, 64, 12, 48
    most = max(found.counts) or 1
    ticks = nice_ticks(0, most, 5)
    ceiling = max(ticks[-1], most)
    low, high = found.edges[0], found.edges[-1]
    right = WIDTH - _RIGHT

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    def y(value: float) -> float:
        return height - bottom - value / ceiling * (height - bottom - top)

    parts = [_begin(height, "Histogram of the outputs")]
    for tick in ticks:
        if tick == int(tick):
            parts.append(_line(left, y(tick), right, y(tick), "grid"))
            parts.append(_text(left - 8, y(tick) + 4, amount(int(tick)), "end"))
    for tick in nice_ticks(low, high, 8):
        if low <= tick <= high:
            parts.append(_line(x(tick), height - bottom, x(tick), height - bottom + 5, "axis"))
            parts.append(_text(x(tick), height - bottom + 19, number(tick), "middle"))
    for count, start, end in zip(found.counts, found.edges, found.edges[1:]):
        if count:
            tip = f"{number(start)} to {number(end)}: {amount(count)}"
            wide = max(x(end) - x(start) - 1, 0.5)
            parts.append(
                f'<rect class="one" x="{x(start):.1f}" y="{y(count):.1f}" width="{wide:.1f}" '
                f'height="{height - bottom - y(count):.1f}"><title>{escaped(tip)}</title></rect>'
            )
    parts.append(_line(left, height - bottom, right, height - bottom, "axis"))
    parts.append(_text((left + right) / 2, height - 6, "output", "middle", "label"))
    parts.append(_upright(14, (height - bottom + top) / 2, "numbers"))
    return "".join([*parts, "</svg>"])


def gradient_norms(layers: Sequence[Layer]) -> str:
    """Norms of gradients by layer, on a logarithmic axis; nothing where there is none."""
    some = [(index, one) for index, one in enumerate(layers, 1) if _has(one, (WEIGHTS, OUTPUT))]
    return _plot(some, (WEIGHTS, OUTPUT), "norm of the gradient (logarithmic)", "Gradient norms by layer", None)


def shapes(layers: Sequence[Layer]) -> str:
    """How many numbers each layer gives for a sample, with its shape, on a logarithmic axis."""
    some = [(index, one) for index, one in enumerate(layers, 1) if _has(one, (NUMBERS,))]
    return _plot(
        some, (NUMBERS,), "numbers a sample (logarithmic)", "Shapes by layer", lambda layer: sizes(layer.shape)
    )


def _has(layer: Layer, series: Sequence[Series]) -> bool:
    return any(one.value(layer) is not None for one in series)


# --- plots by layer ------------------------------------------------------------------------------------------------


class _Scale(NamedTuple):
    """A logarithmic axis between two powers of ten, and the floor below them if a value is zero."""

    first: int
    last: int
    zero: bool

    def share(self, value: float) -> float:
        """Where a value lies, from 0 to 1."""
        return self.share_of(math.log10(value)) if value > 0 else 0.0

    def share_of(self, power: float) -> float:
        """Where a power of ten lies."""
        start = self.first - (1 if self.zero else 0)
        return (power - start) / (self.last - start)

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Places and labels: each power of ten, or every so many."""
        if self.zero:
            yield 0.0, "0"
        step = max(1, math.ceil((self.last - self.first) / 8))
        for power in range(self.first, self.last + 1, step):
            yield self.share_of(power), power_of_ten(power)


def power_of_ten(power: int) -> str:
    """``10⁻³``; small ones are written out."""
    if 0 <= power <= 3:
        return amount(10**power)
    if power == -1:
        return "0.1"
    return "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _scale(values: Sequence[float], from_one: bool) -> _Scale:
    """The powers of ten around the values; bars of numbers of at least one start at one."""
    logs = [math.log10(value) for value in values if value > 0] or [0.0]
    first, last = 0 if from_one else math.floor(min(logs)), math.ceil(max(logs))
    return _Scale(first, max(last, first + 1), any(value <= 0 for value in values))


def _plot(
    layers: Sequence[tuple[int, Layer]],
    series: Sequence[Series],
    axis: str,
    name: str,
    note: Callable[[Layer], str] | None,
) -> str:
    values = [value for _, layer in layers for one in series if (value := one.value(layer)) is not None]
    if not values:
        return ""
    scale = _scale(values, len(series) == 1)
    if len(layers) <= MOST_ROWS:
        return _rows(layers, series, axis, name, note, scale)
    return _index(layers, series, axis, name, note, scale)


def _rows(
    layers: Sequence[tuple[int, Layer]],
    series: Sequence[Series],
    axis: str,
    name: str,
    note: Callable[[Layer], str] | None,
    scale: _Scale,
) -> str:
    top = 30 if len(series) > 1 else 10
    names = 16 + _CHARACTER * max(5, *(min(len(layer_name(layer)), _CHARACTERS) for _, layer in layers))
    height = top + _ROW * len(layers) + 48
    bottom = top + _ROW * len(layers)
    room = max((len(note(layer)) for _, layer in layers), default=0) * 7 + 12 if note is not None else _RIGHT
    right = WIDTH - min(room, 260)

    def x(value: float) -> float:
        return names + 8 + scale.share(value) * (right - names - 8)

    parts = [_begin(height, name), *_legend(series, names + 14)]
    for share, label in scale.ticks():
        at = names + 8 + share * (right - names - 8)
        parts += [_line(at, top, at, bottom, "grid"), _text(at, bottom + 16, label, "middle")]
    for place, (_, layer) in enumerate(layers):
        middle = top + _ROW * (place + 0.5)
        parts.append(
            f'<text x="{names:.1f}" y="{middle + 4:.1f}" text-anchor="end" class="name">'
            f"{escaped(shortened(layer_name(layer), _CHARACTERS))}"
            f"<title>{escaped(_tip(layer, series, note))}</title></text>"
        )
        shown = [(one, value) for one in series if (value := one.value(layer)) is not None]
        if len(series) == 1:
            for one, value in shown:
                wide = max(x(value) - names - 8, 3.0)
                parts.append(
                    f'<rect class="{one.style}" x="{names + 8}" y="{middle - 6:.1f}" width="{wide:.1f}" height="12">'
                    f"<title>{escaped(_tip(layer, series, note))}</title></rect>"
                )
                if note is not None:
                    parts.append(_text(x(value) + 6, middle + 4, note(layer), "start"))
            continue
        if len(shown) == 2:
            parts.append(_line(x(shown[0][1]), middle, x(shown[1][1]), middle, "join"))
        parts += [_dot(x(value), middle, one, _tip(layer, series, note)) for one, value in shown]
    parts.append(_text((names + right) / 2, height - 8, axis, "middle", "label"))
    return "".join([*parts, "</svg>"])


def _index(
    layers: Sequence[tuple[int, Layer]],
    series: Sequence[Series],
    axis: str,
    name: str,
    note: Callable[[Layer], str] | None,
    scale: _Scale,
) -> str:
    height, left, top, bottom = 360, 72, 30 if len(series) > 1 else 12, 48
    right, last = WIDTH - _RIGHT, layers[-1][0]

    def x(index: int) -> float:
        return left + 8 + (index - 1) / max(last - 1, 1) * (right - left - 16)

    def y(value: float) -> float:
        return height - bottom - scale.share(value) * (height - bottom - top)

    parts = [_begin(height, name), *_legend(series, left + 14)]
    for share, label in scale.ticks():
        at = height - bottom - share * (height - bottom - top)
        parts += [_line(left, at, right, at, "grid"), _text(left - 8, at + 4, label, "end")]
    for tick in nice_ticks(1, last, 10):
        if 1 <= tick <= last and tick == int(tick):
            parts.append(_line(x(int(tick)), height - bottom, x(int(tick)), height - bottom + 5, "axis"))
            parts.append(_text(x(int(tick)), height - bottom + 19, amount(int(tick)), "middle"))
    for one in series:
        points = [(index, value) for index, layer in layers if (value := one.value(layer)) is not None]
        way = " ".join(f"{x(index):.1f},{y(value):.1f}" for index, value in points)
        parts.append(f'<polyline class="{one.style} line" points="{way}"/>')
        for index, layer in layers:
            value = one.value(layer)
            if value is not None:
                parts.append(_dot(x(index), y(value), one, f"{index}: {_tip(layer, series, note)}", 2.5))
    parts.append(_line(left, height - bottom, right, height - bottom, "axis"))
    parts.append(_text((left + right) / 2, height - 6, "number of the layer", "middle", "label"))
    parts.append(_upright(14, (height - bottom + top) / 2, axis))
    return "".join([*parts, "</svg>"])


def _tip(layer: Layer, series: Sequence[Series], note: Callable[[Layer], str] | None) -> str:
    values = ", ".join(f"{one.label} {number(one.value(layer))}" for one in series)
    return f"{layer_name(layer)}: {note(layer) + ', ' if note is not None else ''}{values}"


def _legend(series: Sequence[Series], at: float) -> list[str]:
    if len(series) < 2:
        return []
    parts: list[str] = []
    for one in series:
        parts += [_dot(at, 12, one, one.label), _text(at + 10, 16, one.label, "start")]
        at += 30 + 7.5 * len(one.label)
    return parts


# --- parts of a picture --------------------------------------------------------------------------------------------


def nice_ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers that cover a range: steps of 1, 2 or 5 times a power of ten."""
    spread = high - low
    if not spread > 0 or not math.isfinite(spread):
        return [low]
    rough = spread / about
    if not rough > 0:  # it is too small to be halved
        return [low, high]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((factor * power for factor in (1, 2, 5) if factor * power >= rough), 10 * power)
    if not step > 0:
        return [low, high]
    first = math.floor(low / step)
    return [
        round(index * step, 12) if step > 1e-9 else index * step for index in range(first, math.ceil(high / step) + 1)
    ]


def _begin(height: float, name: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escaped(name)}" '
        f'xmlns="http://www.w3.org/2000/svg">'
    )


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str, style: str = "tick") -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escaped(text)}</text>'


def _upright(x: float, y: float, text: str) -> str:
    return (
        f'<text class="label" x="{x}" y="{y:.1f}" text-anchor="middle" '
        f'transform="rotate(-90 {x} {y:.1f})">{escaped(text)}</text>'
    )


def _dot(x: float, y: float, one: Series, tip: str, radius: float = 4.5) -> str:
    return f'<circle class="{one.style}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"><title>{escaped(tip)}</title></circle>'
