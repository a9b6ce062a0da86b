"""``torchlint config``: the settings in force for a file, and where each was given; and what the user's own
configuration allows to be run."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from torchlint.config import Origin, Settings
from torchlint.config.keys import DEFAULTS, KEYS, Key, toml
from torchlint.config.user import Allowed, read
from torchlint.frontends.configuration import Configuration, said_by
from torchlint.frontends.outcome import CLEAN
from torchlint.frontends.places import user_file
from torchlint.report.text import visible
from torchlint.source.discover import is_passed_over


def config(arguments: argparse.Namespace) -> int:
    """Print the settings, as text or as JSON, or the schema of a configuration.

    Raises:
        ConfigError: the configuration is wrong.
    """
    if arguments.schema:
        from torchlint.config.schema import as_text

        sys.stdout.write(as_text())
        return CLEAN
    configuration = Configuration(arguments.config, arguments.isolated, said_by(arguments))
    path = arguments.path
    settings, origins = configuration.of(path), configuration.origins(path)
    file = configuration.file(path)
    respects = settings.respect_gitignore
    allowed = Allowed() if arguments.isolated else read(user_file(os.environ))
    excluded = os.path.exists(path) and is_passed_over(path, configuration.excluded, respects)
    if arguments.layout == "json":
        sys.stdout.write(_as_json(path, file, excluded, settings, origins, allowed))
    else:
        sys.stdout.write(_as_text(path, file, excluded, settings, origins, allowed))
    return CLEAN


def _as_text(
    path: str,
    file: str | None,
    excluded: bool,
    settings: Settings,
    origins: Mapping[str, Sequence[Origin]],
    allowed: Allowed,
) -> str:
    head = f"# {path}: " + (f"settings of {file}" if file else "no configuration file")
    lines = [head + ("; it is passed over, as excluded or ignored by git" if excluded else ""), ""]
    rows = [(_line(key, settings), _from(origins.get(key.name, ()))) for key in KEYS.values() if key.name != "extend"]
    width = min(48, max(len(line) for line, _ in rows))
    lines += [f"{line:<{width}}  # {origin}" for line, origin in rows]
    if settings.ignored_here:
        lines += ["", f"# not run in this file: {', '.join(settings.ignored_here)}"]
    if allowed.file:
        lines += ["", f"# your own configuration ({allowed.file}): confirm.{allowed.line()}"]
    return "".join(visible(line) + "\n" for line in lines)


def _line(key: Key, settings: Settings) -> str:
    value = _written(key, settings)
    return f"{key.name} = {toml(value)}" if value is not None else f"# {key.name}: {_UNSET[key.name]}"


#: What holds where a key that has no default value is not given.
_UNSET = {
    "select": "all rules but informative ones",
    "exclude": "the usual folders",
    "baseline": "none",
    "fixable": "all rules",
    "output-format": "full on a terminal, else concise",
}


def _from(origins: Sequence[Origin]) -> str:
    return ", ".join(str(origin) for origin in origins) or "default"


def _written(key: Key, settings: Settings) -> Any:
    """The value of a setting as TOML has it; None if there is none."""
    value = getattr(settings, key.field)
    return None if value is None and getattr(DEFAULTS, key.field) is None else key.kind.written(value)


def _as_json(
    path: str,
    file: str | None,
    excluded: bool,
    settings: Settings,
    origins: Mapping[str, Sequence[Origin]],
    allowed: Allowed,
) -> str:
    import json

    rows = {
        key.name: {
            "value": _written(key, settings),
            "sources": [{"name": origin.name, "line": origin.line or None} for origin in origins.get(key.name, ())],
        }
        for key in KEYS.values()
        if key.name != "extend"
    }
    whole = {
        "path": path,
        "configuration": file,
        "excluded": excluded,
        "ignored_here": list(settings.ignored_here),
        "settings": rows,
        "own": {"file": allowed.file, "confirm": allowed.written()} if allowed.file else None,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
