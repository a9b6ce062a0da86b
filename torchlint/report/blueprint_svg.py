"""The way of the data through models as one SVG document: a box a call, boxes inside boxes, shapes beside them.

Definitions
    node    a call of a layer, with the calls inside it; equal ones that follow each other are one node, told how often
    leaf    a node with nothing inside it: a row of its own, with the call that makes it
    frame   any other node: a box with a head and its nodes in it, down to `DEEPEST` of them inside each other

It is drawn for a light background and a dark one, as whoever shows it prefers; a shape that is not that of the row
before it is set off.

**Invariant:** every text passes through `encode.xml`, and no control character of a linted file through here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torchlint.architecture import Blueprint, Layer, Model, Sizes
from torchlint.report.blueprint_words import Names, output, short_names, sizes, title
from torchlint.report.encode import xml
from torchlint.report.model_words import amount, shortened
from torchlint.report.text import expand, visible, visible_path

#: Pixels of a character; of a row, between rows, around all, and of a frame's inset; between models.
CHARACTER, ROW, GAP, MARGIN, INSET, APART = 7.4, 24, 10, 16, 12, 40
#: Frames inside each other, rows of one model, characters of a name and of a constructor.
DEEPEST, MOST_ROWS, NAME, MADE = 8, 600, 28, 66

STYLE = """
.torchlint-model { color-scheme: light dark; --back: #ffffff; --front: #1c2430; --dim: #5b6675; --frame: #c3ccd8;
  --panel: #f1f4f8; --leaf: #ffffff; --affine: #2a6bb5; --norm: #7a3fb0; --act: #1d7a46; --pool: #b35c00;
  --bad: #b3261e; background: var(--back); }
@media (prefers-color-scheme: dark) { .torchlint-model { --back: #14181e; --front: #e3e8ef; --dim: #9aa6b5;
  --frame: #3a4553; --panel: #1a2028; --leaf: #222a34; --affine: #6cb0f5; --norm: #c79bf2; --act: #6fcf97;
  --pool: #f5a25d; --bad: #ff8a80; } }
.torchlint-model .back { fill: var(--back); }
.torchlint-model text { font: 12.3px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--front);
  white-space: pre; }
.torchlint-model text.title { font-size: 15px; font-weight: 700; }
.torchlint-model text.name, .torchlint-model text.new { font-weight: 700; }
.torchlint-model text.dim, .torchlint-model text.same { fill: var(--dim); }
.torchlint-model text.bad { fill: var(--bad); }
.torchlint-model .box { fill: var(--panel); stroke: var(--frame); }
.torchlint-model .leaf { fill: var(--leaf); stroke: var(--frame); }
.torchlint-model .affine { fill: var(--affine); }
.torchlint-model .norm { fill: var(--norm); }
.torchlint-model .act { fill: var(--act); }
.torchlint-model .pool { fill: var(--pool); }
.torchlint-model .other { fill: var(--dim); }
.torchlint-model .arrow { stroke: var(--dim); stroke-width: 1.4; }
.torchlint-model .head { fill: var(--dim); }
"""
_KINDS = (
    ("norm", ("norm",)),
    ("pool", ("pool", "upsampl", "shuffle", "pad", "flatten", "unfold", "fold")),
    ("affine", ("conv", "linear", "embedding", "lstm", "gru", "rnn", "attention", "transformer")),
    ("act", ("relu", "gelu", "elu", "silu", "mish", "sigmoid", "tanh", "softmax", "swish", "softplus", "dropout")),
)


class Node(NamedTuple):
    """See the module's text. same: a number that equal nodes share; times: how many of them it stands for; last: the
    layer of the last of them."""

    layer: Layer
    shape: Sizes
    inner: tuple[Node, ...]
    same: int
    times: int = 1
    last: str = ""


def document(blueprint: Blueprint) -> str:
    """The whole document: all models of a file, one below the other."""
    drawn = _Drawing()
    for number, model in enumerate(blueprint.models):
        drawn.down += APART if number else 0
        drawn.model(f"{visible_path(blueprint.path)}: {title(model)}", model)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + drawn.element(visible_path(blueprint.path))


def picture(model: Model) -> str:
    """One model, to be put into a page that says the rest; nothing where none of its calls is known."""
    if not model.steps:
        return ""
    drawn = _Drawing()
    drawn.model("", model)
    return drawn.element(title(model))


def nodes(model: Model) -> tuple[Node, ...]:
    """The calls of a model's layers as a tree, without those of lists that only hold others."""
    known: dict[object, int] = {}
    open_: list[tuple[int, list[Node]]] = [(-1, [])]
    for index in range(len(model.steps) - 1, -1, -1):  # from the last on, so that a call follows what is inside it
        step = model.steps[index]
        inner: list[Node] = []
        while open_[-1][0] > step.depth:
            inner += open_.pop()[1]
        layer = model.layers[step.layer]
        grouped = _grouped(inner[::-1])
        key = (layer.type, layer.made, step.shape, tuple((one.same, one.times) for one in grouped))
        node = Node(layer, step.shape, grouped, known.setdefault(key, len(known)))
        if open_[-1][0] != step.depth:
            open_.append((step.depth, []))
        open_[-1][1].append(node)
    return _grouped([node for _, some in open_ for node in some][::-1])


def _grouped(some: Sequence[Node]) -> tuple[Node, ...]:
    """Equal nodes that follow each other as one."""
    found: list[Node] = []
    for node in some:
        before = found[-1] if found else None
        if before is not None and before.same == node.same:
            found[-1] = before._replace(times=before.times + node.times, last=node.layer.name)
        else:
            found.append(node)
    return tuple(found)


def _totals(model: Model) -> dict[str, int | None]:
    """How many parameters each layer holds with all that is inside it; None where that is not known."""
    totals: dict[str, int | None] = {}
    for layer in model.layers:
        name = layer.name
        while True:
            before = totals.get(name, 0)
            totals[name] = None if before is None or layer.parameters is None else before + layer.parameters
            if not name:
                break
            name = name.rpartition(".")[0]
    return totals


class _Drawing:
    """What is drawn so far, and how far down and to the right it goes, in pixels."""

    def __init__(self) -> None:
        self.down = float(MARGIN)
        self._right = 0.0
        self._parts: list[str] = []

    def element(self, label: str) -> str:
        """The whole of it."""
        size = f'width="{self._right + MARGIN:.0f}" height="{self.down + MARGIN:.0f}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="torchlint-model" role="img" {size} '
            f'viewBox="0 0 {self._right + MARGIN:.0f} {self.down + MARGIN:.0f}">\n'
            f'<title>{xml(label)}</title>\n<style>{STYLE}</style>\n<rect class="back" {size}/>\n'
            + "\n".join(self._parts)
            + "\n</svg>\n"
        )

    def model(self, heading: str, model: Model) -> None:
        """A model, with a heading and what could not be followed if there is a heading."""
        names = short_names(model)
        if heading:
            self._text(MARGIN, heading, "title")
            self.down += ROW
            for text in model.trouble:
                self._text(MARGIN, f"unknown: {visible(text)}", "bad")
                self.down += ROW
        tree = nodes(model)
        if tree:
            _Way(self, model, names).draw(tree)
        for start in range(0, len(names), 2):
            some = list(names.items())[start : start + 2]
            self._text(MARGIN, "   ".join(f"{short} = {visible(size)}" for size, short in some), "dim")
            self.down += ROW - 4

    def add(self, markup: str, right: float) -> None:
        """Markup that goes so far to the right."""
        self._right = max(self._right, right)
        self._parts.append(markup)

    def _text(self, x: float, text: str, style: str) -> None:
        wide = CHARACTER * (1.25 if style == "title" else 1)
        self.add(_text(x, self.down, text, style), x + _width(text) * wide)


class _Way:
    """The rows of one model."""

    def __init__(self, drawing: _Drawing, model: Model, names: Names) -> None:
        self._drawing, self._model, self._names = drawing, model, names
        self._totals = _totals(model)
        self._rows = 0
        self._columns: tuple[float, float, float, float] = (0, 0, 0, 0)
        self._before = ""

    def draw(self, tree: Sequence[Node]) -> None:
        """All of it, between what goes in and what comes out."""
        cells = list(self._cells(tree, "", 0))
        at = [max((column[index] for column in cells), default=0.0) for index in range(4)]
        made = MARGIN + at[0] + 2 * CHARACTER
        shape = made + at[1] + 3 * CHARACTER
        held = shape + at[2] + 3 * CHARACTER
        depth = max(1, max((column[4] for column in cells), default=1))
        self._columns = (made, shape, held + at[3], held + at[3] + 12 + depth * INSET)
        given = ", ".join(output(one, self._names) for one in self._model.inputs)
        if given:
            self._plain("input", given)
            self._arrow(MARGIN)
        self._before = sizes(self._model.inputs[0].shape, self._names) if self._model.inputs else ""
        self._some(tree, "", 0)
        gives = ", ".join(output(one, self._names) for one in self._model.outputs)
        if gives:
            self._arrow(MARGIN)
            self._plain("output", gives)
        left_out = _count(tree) - self._rows
        if left_out > 0:
            self._drawing.add(
                _text(MARGIN, self._drawing.down, f"… and {amount(left_out)} more calls", "dim"), self._columns[3]
            )
            self._drawing.down += ROW

    def _cells(self, some: Sequence[Node], outer: str, depth: int) -> list[tuple[float, float, float, float, int]]:
        """How wide each column of each row is, and how deep it stands."""
        found = []
        for node in some:
            leaf = not node.inner or depth >= DEEPEST
            texts = (self._name(node, outer), self._made(node, leaf), sizes(node.shape, self._names), self._held(node))
            first, *rest = (_width(text) * CHARACTER for text in texts)
            found.append((first + depth * INSET + 12, *rest, depth))
            if not leaf:
                found += self._cells(node.inner, node.layer.name, depth + 1)
        return found  # type: ignore[return-value]

    def _some(self, some: Sequence[Node], outer: str, depth: int) -> None:
        first = True
        for node in some:
            if self._rows >= MOST_ROWS:
                return
            if not first:
                self._arrow(MARGIN + depth * INSET)
            first = False
            self._node(node, outer, depth)

    def _node(self, node: Node, outer: str, depth: int) -> None:
        drawing = self._drawing
        self._rows += 1
        leaf = not node.inner or depth >= DEEPEST
        left, right, top = MARGIN + depth * INSET, self._columns[3] - depth * INSET, drawing.down
        mark = len(drawing._parts)
        shape = sizes(node.shape, self._names)
        style = "same" if shape == self._before else "new"
        if leaf:
            self._before = shape
        made, at_shape, at_held, _ = self._columns
        texts = [
            _text(left + 12, top + 3, self._name(node, outer), "name"),
            _text(made, top + 3, self._made(node, leaf), "" if leaf else "dim"),
            _text(at_shape, top + 3, shape, style if leaf else "dim"),
            _text(at_held, top + 3, self._held(node), "" if leaf else "dim", "end"),
        ]
        drawing.down += ROW
        if leaf:
            drawing.add(_box("leaf", left, top, right - left, ROW), right)
            drawing.add(f'<rect class="{_kind(node.layer)}" x="{left:.1f}" y="{top:.1f}" width="4" height="{ROW}"/>', 0)
        else:
            self._some(node.inner, node.layer.name, depth + 1)
            drawing.down += INSET / 2 + 2
            drawing._parts.insert(mark, _box("box", left, top, right - left, drawing.down - top))
            drawing.add("", right)
        for text in texts:
            drawing.add(text, right)

    def _name(self, node: Node, outer: str) -> str:
        full = node.layer.name
        name = full[len(outer) + 1 :] if outer and full.startswith(outer + ".") else full
        text = shortened(visible(name) or "(the model)", NAME)
        last = node.last.rpartition(".")[2]
        if node.times > 1:
            text += f" … {shortened(visible(last), NAME)}" if node.last != full else ""
            text += f" ×{node.times}"
        return text

    def _made(self, node: Node, leaf: bool) -> str:
        return shortened(visible(node.layer.made if leaf and "…" not in node.layer.made else node.layer.type), MADE)

    def _held(self, node: Node) -> str:
        total = self._totals.get(node.layer.name, 0)
        if node.layer.shared and not total:
            return "shared"
        own = "?" if total is None else amount(total) if total else ""
        return f"{node.times} × {own}" if own and node.times > 1 and node.last != node.layer.name else own

    def _plain(self, name: str, text: str) -> None:
        drawing, right = self._drawing, self._columns[3]
        right = max(right, MARGIN + 24 + (len(name) + 3 + _width(text)) * CHARACTER)
        drawing.add(_box("box", MARGIN, drawing.down, right - MARGIN, ROW), right)
        drawing.add(_text(MARGIN + 12, drawing.down + 3, name, "name"), 0)
        drawing.add(_text(MARGIN + 12 + (len(name) + 3) * CHARACTER, drawing.down + 3, text, ""), right)
        drawing.down += ROW

    def _arrow(self, left: float) -> None:
        x, top, end = left + 22, self._drawing.down, self._drawing.down + GAP
        self._drawing.add(f'<path class="arrow" d="M{x:.1f} {top:.1f}V{end - 4:.1f}"/>', 0)
        self._drawing.add(f'<path class="head" d="M{x - 3.5:.1f} {end - 5:.1f}h7l-3.5 5Z"/>', 0)
        self._drawing.down = end


def _width(text: str) -> int:
    """Cells that a text takes."""
    return expand(text)[1][-1]


def _count(some: Sequence[Node]) -> int:
    total, pending = 0, [(one, 0) for one in some]
    while pending:
        node, depth = pending.pop()
        total += 1
        if depth < DEEPEST:
            pending += [(one, depth + 1) for one in node.inner]
    return total


def _kind(layer: Layer) -> str:
    lowered = layer.type.lower()
    return next((kind for kind, words in _KINDS if any(word in lowered for word in words)), "other")


def _box(style: str, x: float, y: float, wide: float, high: float) -> str:
    return f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" rx="4"/>'


def _text(x: float, top: float, text: str, style: str, anchor: str = "") -> str:
    if not text:
        return ""
    end = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text class="{style}" x="{x:.1f}" y="{top + 13.5:.1f}"{end}>{xml(text)}</text>'
