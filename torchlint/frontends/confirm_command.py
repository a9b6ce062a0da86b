"""``torchlint confirm FILE[:CLASS]``: running models by hand, and what is seen of them.

Whoever types it consents to code of the project being run, in isolated processes; a project that refuses
(`confirm.enabled = false`) is not run.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from torchlint.config.user import Allowed, read
from torchlint.confirm.inspecting import Asked, classes, inspect
from torchlint.frontends.configuration import Configuration
from torchlint.frontends.confirming import ISOLATION, MEMORY, Consent, project_of, started
from torchlint.frontends.files import read_file, split_class
from torchlint.frontends.outcome import CLEAN, FINDINGS, UsageError
from torchlint.frontends.output import publish, spare
from torchlint.frontends.places import user_file
from torchlint.frontends.terminal import COLUMNS, wants_colour, width
from torchlint.inspected import REASONS, Class, Failure, Inspection
from torchlint.report.text import Paint
from torchlint.source.text import DecodeError, decode

CPU = 60.0


class Target(msgspec.Struct, frozen=True):
    """A file, and the class that is meant, or empty for all."""

    path: str
    cls: str
    configuration: Any


def confirm(arguments: argparse.Namespace) -> int:
    """Run the models of a file and print what was seen; the exit status is returned.

    Raises:
        UsageError, ConfigError: there is nothing sensible to do.
    """
    target = _target(arguments.target)
    spare(arguments.output_file, [target.path])
    project = project_of(target, target.path)
    if target.configuration.of(target.path).confirm.off:
        origins = target.configuration.origins(target.path).get("confirm", ())
        raise UsageError(f"nothing is run where `confirm.enabled` is false: {', '.join(map(str, origins))}")
    cpu = arguments.confirm_cpu or CPU
    asked = Asked(
        project,
        os.path.relpath(os.path.abspath(target.path), project).replace(os.sep, "/"),
        _text(target.path),
        {name: value for constants in arguments.constants for name, value in constants.items()},
        arguments.inputs,
        arguments.seed,
        arguments.train,
        cpu,
    )
    with started(_consent(arguments, cpu), project) as ready:
        if isinstance(ready, str):
            raise UsageError(ready)
        names = _chosen(target, asked, classes(asked, ready.runner))
        models = tuple(inspect(asked, name, ready.runner) for name in names)
        inspection = Inspection(target.path, models, ready.isolation, arguments.seed)
    publish(_rendered(inspection, arguments), arguments.output_file)
    return FINDINGS if any(one.failure is not None for one in models) else CLEAN


def _target(text: str) -> Target:
    """Raises: UsageError: no such file, or none that holds models."""
    path, cls = split_class(text)
    if os.path.isdir(path) or not path.endswith(".py"):
        raise UsageError(f"{path}: models are run of Python files (.py) only")
    return Target(path, cls, Configuration())


def _text(path: str) -> str:
    """Raises: UsageError: the file is no text."""
    try:
        return decode(read_file(path))
    except DecodeError as error:
        raise UsageError(f"{path}: {error}") from error


def _consent(arguments: argparse.Namespace, cpu: float) -> Consent:
    """How it is run: as the command line says, else as the user's own configuration does.

    Raises:
        ConfigError: that is wrong.
    """
    file = user_file(os.environ)
    allowed = read(file) if os.path.lexists(file) else Allowed()
    return Consent(
        True,
        allowed,
        arguments.confirm_python or allowed.python or None,
        arguments.confirm_isolation or allowed.isolation or ISOLATION,
        cpu + 2,  # the child stops by itself, and says what it has
        arguments.confirm_memory or MEMORY,
    )


def _chosen(target: Target, asked: Asked, found: tuple[Class, ...] | Failure) -> Sequence[str]:
    """The names of the models to run.

    Raises:
        UsageError: the file has none, not the one that is meant, or several where one must be.
    """
    if isinstance(found, Failure):
        row = f":{found.row}" if found.row else ""
        raise UsageError(f"{target.path}{row}: {REASONS[found.reason]}{f': {found.message}' if found.message else ''}")
    if not found:
        raise UsageError(f"{target.path}: no class of this file is a torch.nn.Module")
    listed = ", ".join(one.name for one in found)
    if target.cls:
        if target.cls not in {one.name for one in found}:
            raise UsageError(f"{target.path}: there is no model {target.cls!r}; its models are {listed}")
        return [target.cls]
    names = [one.name for one in found if one.root] or [one.name for one in found]
    if len(names) > 1 and (asked.arguments or asked.inputs):
        option = "--args" if asked.arguments else "--input"
        raise UsageError(f"{option} is for one model, so name it as {target.path}:CLASS; the models are {listed}")
    return names


def _rendered(inspection: Inspection, arguments: argparse.Namespace) -> str:
    if arguments.layout == "json":
        return msgspec.json.format(msgspec.json.encode(inspection), indent=2).decode() + "\n"
    if arguments.layout == "html":
        from torchlint.report.model_html import page

        return page(inspection)
    from torchlint.report.model_table import table

    terminal = arguments.output_file is None and sys.stdout.isatty()
    coloured = arguments.output_file is None and wants_colour(arguments.color, sys.stdout, os.environ)
    return table(inspection, width() if terminal else COLUMNS, Paint(coloured))
