"""The way of the data as a picture in a terminal: a line for each stage, its changes in bold.

Worked example::

    train.py:33 · CrossEntropyLoss · input
      [0, 255] → ToTensor → [0, 1]
      ● CIFAR10                      uint8 PIL  32×32×3    HWC RGB  [0, 255]          data.py:8
      │ RandomHorizontalFlip (random)  uint8 PIL  32×32×3  HWC RGB  [0, 255]          data.py:5
      │ ToTensor                     float32    3×32×32    CHW RGB  [0, 1]            data.py:6
      │ batch                        float32    B×3×32×32  CHW RGB  [0, 1]            data.py:9
      ▣ Net                          float32    B×10                unbounded logits  train.py:32
      ◆ CrossEntropyLoss                                                              train.py:33
      ✗ TL201 images reach `Net` in [0, 1], scaled but not normalized; …
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torchlint.facts.paths import DataPath, Stage
from torchlint.flow.shape import render
from torchlint.flow.values import Place, Tensor
from torchlint.report.text import Paint, visible

GLYPHS = {
    "source": "●",
    "transform": "│",
    "operation": "│",
    "move": "│",
    "batch": "│",
    "model": "▣",
    "end": "◆",
    "finding": "✗",
}
PLAIN = {
    "source": "o",
    "transform": "|",
    "operation": "|",
    "move": "|",
    "batch": "|",
    "model": "#",
    "end": "*",
    "finding": "!",
}
LONGEST_NAME = 34

Cells = tuple[str, str, str, str]
NOTHING: Cells = ("", "", "", "")


def picture(
    paths: Sequence[DataPath],
    where: Callable[[Place], str],
    said: Callable[[DataPath], Sequence[str]],
    paint: Paint,
    *,
    plain: bool = False,
    whole: bool = False,
) -> str:
    """All paths, an empty line after each.

    where: how a place is written. said: what rules have to say of a path. plain: without characters beyond those of
    every encoding. whole: moves to another device or place in memory too.
    """
    glyphs = PLAIN if plain else GLYPHS
    return "".join("\n".join(_path(path, where, said, paint, glyphs, whole)) + "\n\n" for path in paths)


class Row(NamedTuple):
    """A stage as it is shown, or an end (`kind` ``end``): its name, what is known after it, and where it stands."""

    kind: str
    name: str
    cells: Cells
    place: str


def rows(path: DataPath, where: Callable[[Place], str], whole: bool) -> list[Row]:
    """The stages of a path and its end; `whole` as for `picture`."""
    found: list[Row] = []
    if path.unknown:
        found.append(Row("source", f"something that {visible(path.unknown)}", NOTHING, ""))
    before: Cells | None = None
    for stage in path.stages:
        cells = _cells(stage)
        if stage.kind == "move" and cells == before and not whole:
            continue
        found.append(Row(stage.kind, _name(stage), cells, where(stage.place)))
        before = cells
    return [*found, Row("end", visible(path.end), NOTHING, where(path.place))]


def heading(path: DataPath, where: Callable[[Place], str]) -> list[str]:
    """What a path is called, in two or three parts."""
    return [where(path.place), visible(path.end), *([path.role] if path.role != "model" else [])]


def asides(path: DataPath) -> tuple[str, str]:
    """When a path is taken, and how many more there are; each with a space before it, or empty."""
    more = f" (and {path.others} more way{'' if path.others == 1 else 's'} of the same ranges)" if path.others else ""
    return f" (when {visible(path.guard)})" if path.guard else "", more


def _path(
    path: DataPath,
    where: Callable[[Place], str],
    said: Callable[[DataPath], Sequence[str]],
    paint: Paint,
    glyphs: dict[str, str],
    whole: bool,
) -> list[str]:
    dot = "·" if glyphs is GLYPHS else "-"
    guard, more = asides(path)
    out = [paint("bold", f" {dot} ".join(heading(path, where))) + guard + paint("dim", more)]
    changes = summary(path, "→" if glyphs is GLYPHS else "->")
    if changes:
        out.append("  " + paint("note", changes))
    complaints = [f"  {paint('error', glyphs['finding'])} {visible(text)}" for text in dict.fromkeys(said(path))]
    return out + _table(rows(path, where, whole), paint, glyphs) + complaints


def summary(path: DataPath, arrow: str = "→") -> str:
    """``[0, 255] → ToTensor → [0, 1] → Normalize → [−2.118, 2.64]``: the stages that change the range."""
    out: list[str] = []
    last = ""
    for stage in path.stages:
        if stage.kind == "model":
            break
        found = _range(stage.tensor)
        if found == last or not found:
            continue
        out += [found] if not out else [_name(stage).replace(" (random)", ""), found]
        last = found
    return f" {arrow} ".join(out) if len(out) > 1 else ""


def _table(rows: Sequence[Row], paint: Paint, glyphs: dict[str, str]) -> list[str]:
    names = max(min(len(name), LONGEST_NAME) for _, name, _, _ in rows)
    widths = [max(len(cells[i]) for _, _, cells, _ in rows) for i in range(4)]
    out: list[str] = []
    before = NOTHING
    for kind, name, cells, place in rows:
        shown = [
            paint("dim" if cell == old else "bold", cell) + " " * (width - len(cell))
            for cell, old, width in zip(cells, before, widths)
        ]
        line = f"  {paint('frame', glyphs[kind])} {name:<{names}}  {'  '.join(shown)}  {paint('dim', place)}"
        out.append(line.rstrip())
        before = cells
    return out


def _name(stage: Stage) -> str:
    name = visible(stage.name)
    if stage.random:
        name += " (random)"
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _cells(stage: Stage) -> Cells:
    """dtype, shape, layout and colours, range and meaning."""
    tensor = stage.tensor
    if tensor is None:
        return ("?", "?", "", visible(stage.note) or "?")
    holder = {"pil": "PIL", "numpy": "array"}.get(tensor.holder, "")
    dtype = " ".join(part for part in (tensor.dtype or "?", holder) if part)
    meaning = tensor.meaning
    layout, word = "", ""
    if meaning is not None:
        layout = " ".join(part for part in (meaning.layout, meaning.mode) if part)
        word = "normalized" if meaning.normalized else "" if meaning.kind == "image" else meaning.kind
    found = _range(tensor) or "?"
    return (dtype, render(tensor.shape), layout, f"{found} {word}".rstrip())


def _range(tensor: Tensor | None) -> str:
    return str(tensor.range) if tensor is not None and tensor.range is not None else ""
