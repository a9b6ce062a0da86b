"""Models as tables for a terminal: layer by layer, what it gives, holds and sees."""

from __future__ import annotations

import io

from rich.console import Console
from rich.table import Table
from rich.text import Text

from torchlint.architecture import Blueprint, Layer, Model
from torchlint.report.blueprint_words import (
    Names,
    facts,
    field,
    gives,
    holds,
    kind,
    own_name,
    range_words,
    short_names,
    title,
)
from torchlint.report.text import visible_path


def table(blueprint: Blueprint, width: int, *, coloured: bool) -> str:
    """All models of a file, in lines of at most `width` cells where that is possible."""
    into = io.StringIO()
    console = Console(
        file=into, width=max(width, 60), force_terminal=coloured, no_color=not coloured, highlight=False, markup=False,
        emoji=False, legacy_windows=False, color_system="standard" if coloured else None, _environ={},
    )  # fmt: skip
    for index, model in enumerate(blueprint.models):
        if index:
            console.print()
        _model(console, blueprint.path, model)
    return "\n".join(line.rstrip() for line in into.getvalue().splitlines()) + "\n"


def _model(console: Console, path: str, model: Model) -> None:
    console.print(Text.assemble(f"{visible_path(path)}: ", (title(model), "bold")), soft_wrap=True)
    names = short_names(model)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    before = ""
    for label, text in facts(model, names):
        grid.add_row(Text(f"  {label if label != before else ''}", "red" if label == "unknown" else ""), Text(text))
        before = label
    console.print(grid)
    if not model.layers:
        return
    console.print()
    shown = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold", show_edge=False)
    shown.add_column("  layer", overflow="fold")
    shown.add_column("type", overflow="fold")
    shown.add_column("output", overflow="fold")
    shown.add_column("range", overflow="fold")
    shown.add_column("parameters", justify="right", no_wrap=True)
    shown.add_column("sees", justify="right", no_wrap=True)
    for layer in model.layers:
        shown.add_row(*_row(layer, names))
    console.print(shown)


def _row(layer: Layer, names: Names) -> tuple[Text, ...]:
    dim = "" if layer.calls else "dim"
    depth, name = own_name(layer)
    shown = "  " * max(1, min(depth, 20)) + name
    cells = (shown, kind(layer), gives(layer, names), range_words(layer), holds(layer), field(layer))
    return tuple(Text(cell, dim) for cell in cells)
