"""``torchlint inspect FILE[:CLASS]``: a model as a table, layer by layer, found without running anything."""

from __future__ import annotations

import argparse
import ast
import math
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from torchlint.architecture import Blueprint, Model
from torchlint.facts.analysis import deeply
from torchlint.facts.architecture import Asked, Constant, Found, NotFoundError
from torchlint.frontends.files import split_class
from torchlint.frontends.memory import without_collector
from torchlint.frontends.outcome import CLEAN, ERROR, FINDINGS, UsageError
from torchlint.frontends.output import publish, spare
from torchlint.frontends.reveal import Look, Target
from torchlint.frontends.terminal import COLUMNS, wants_colour, width
from torchlint.report.encode import dumps
from torchlint.report.text import visible
from torchlint.syntax.positions import locate


def inspect(arguments: argparse.Namespace) -> int:
    """Print the models of a file; the exit status is returned.

    Raises:
        UsageError, ConfigError: there is nothing sensible to do.
    """
    target, name = _target(arguments.target)
    spare(arguments.output_file, [target.path])
    look = Look.at(target, arguments.paths)
    asked = Asked(_constants(arguments.constants), arguments.inputs)
    with without_collector():
        blueprint, faults = _blueprint(look, target.path, name, asked)
    publish(_rendered(blueprint, arguments), arguments.output_file)
    for fault in faults:
        sys.stderr.write(f"torchlint: {visible(fault)}\n")
    return ERROR if faults else FINDINGS if any(one.trouble for one in blueprint.models) else CLEAN


def _target(text: str) -> tuple[Target, str]:
    """Raises: UsageError: no such file, or none that holds models."""
    path, name = split_class(text)
    if os.path.isdir(path):
        raise UsageError(f"{path}: a folder; name a file of it")
    return Target(path, 0, None), name


def _constants(given: Sequence[dict[str, str]]) -> dict[str, Constant]:
    return {name: ast.literal_eval(text) for some in given for name, text in some.items()}


def _blueprint(look: Look, path: str, name: str, asked: Asked) -> tuple[Blueprint, list[str]]:
    """The models that are meant, and the faults on the way.

    Raises:
        UsageError: there is none, or several where one must be named.
    """
    found: list[Found] = []
    failed: list[Exception] = []
    faults: list[str] = []

    def run() -> None:
        inspector = look.inspector()
        try:
            if inspector.problem:
                raise UsageError(f"{path}: it cannot be read as Python: {inspector.problem}")
            names = [name] if name else inspector.names()
            if len(names) > 1 and (asked.arguments or asked.inputs):
                option = "--args" if asked.arguments else "--input"
                listed = ", ".join(names)
                raise UsageError(f"{option} is for one model, so name it as {path}:CLASS; the models are {listed}")
            if not names:
                raise UsageError(f"{path}: no class of this file is a torch.nn.Module")
            found.extend(inspector.look(one, asked) for one in names)
        except NotFoundError as error:
            failed.append(UsageError(f"{path}: {error}"))
        except UsageError as error:
            failed.append(error)
        faults.extend(f"{one.path}: {one.message}" for one in inspector.faults)

    deeply(run)
    if failed:
        raise failed[0]
    return Blueprint(path, tuple(_placed(one, look) for one in found)), faults


def _placed(found: Found, look: Look) -> Model:
    """A model whose layers say where they are made."""
    wanted: dict[str, set[int]] = defaultdict(set)
    for place in found.places:
        if place is not None:
            wanted[place.path].add(place.n)
    rows: dict[tuple[str, int], int] = {}
    for path, numbers in sorted(wanted.items()):
        text = look.sources.text(path)
        if text is not None:
            rows.update(((path, n), span.start.row) for n, span in locate(text, sorted(numbers), path).items())
    layers = tuple(
        layer if place is None else replace(layer, path=place.path, row=rows.get((place.path, place.n), 0))
        for layer, place in zip(found.model.layers, found.places)
    )
    return replace(found.model, layers=layers) if layers else found.model


def _rendered(blueprint: Blueprint, arguments: argparse.Namespace) -> str:
    if arguments.layout == "json":
        return dumps(_finite(msgspec.to_builtins(blueprint)), 2) + "\n"
    if arguments.layout == "html":
        from torchlint.report.blueprint_html import page

        return page(blueprint)
    if arguments.layout == "svg":
        from torchlint.report.blueprint_svg import document

        return document(blueprint)
    from torchlint.report.blueprint_table import table

    terminal = arguments.output_file is None and sys.stdout.isatty()
    coloured = arguments.output_file is None and wants_colour(arguments.color, sys.stdout, os.environ)
    return table(blueprint, width() if terminal else COLUMNS, coloured=coloured)


def _finite(value: Any) -> Any:
    """Data in which null stands for the ends of a range that has none: JSON has no infinity."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
