"""``torchlint explain`` and ``torchlint rules``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import NamedTuple

from torchlint.engine import registry, select
from torchlint.engine.builtin import BUILTINS
from torchlint.frontends.outcome import UsageError
from torchlint.frontends.terminal import wants_colour, width
from torchlint.report.explain import explain as render
from torchlint.report.explain import summary
from torchlint.report.findings import About
from torchlint.report.rules import Row, table
from torchlint.rule import Rule


def explain(arguments: argparse.Namespace) -> int:
    """Print the page of a rule.

    Raises:
        UsageError: there is no such rule.
    """
    page = find(arguments.rule, registry.load(Path(folder) for folder in arguments.rules_dir))
    sys.stdout.write(render(page.text, colour=wants_colour(arguments.color, sys.stdout, os.environ), width=width()))
    return 0


class Page(NamedTuple):
    """The page of a rule, and its file, if it has one."""

    code: str
    name: str
    text: str
    file: Path | None


def find(wanted: str, loaded: registry.Registry) -> Page:
    """The page of the rule with this code or name.

    Raises:
        UsageError: there is no such rule.
    """
    builtin = next((one for one in BUILTINS if wanted in (one.code, one.name)), None)
    if builtin is not None:
        return Page(builtin.code, builtin.name, builtin.page, None)
    found = loaded.find(wanted)
    if found is None:
        raise UsageError(f"no rule has the code or name {wanted!r}{select.meant(wanted, [*BUILTINS, *loaded.rules])}")
    file = Path(found.file).with_suffix(".md")
    return Page(found.code, found.name, _page(found), file if file.is_file() else None)


def rules(arguments: argparse.Namespace) -> int:
    """Print a table of all rules."""
    loaded = registry.load(Path(folder) for folder in arguments.rules_dir)
    rows = [Row(one.code, one.name, one.severity.value, one.on_by_default, summary(one.page)) for one in BUILTINS] + [
        Row(one.code, one.name, one.severity.value, one.on_by_default, summary(_page(one))) for one in loaded.rules
    ]
    sys.stdout.write(table(sorted(rows, key=lambda row: row.code)))
    for problem in loaded.problems:
        sys.stderr.write(f"torchlint: error: {problem}\n")
    return 2 if loaded.problems else 0


def about(code: str, loaded: registry.Registry) -> About | None:
    """What there is to say of the rule of a code; None if it is not known."""
    builtin = next((one for one in BUILTINS if one.code == code), None)
    if builtin is not None:
        return About(builtin.name, builtin.severity, builtin.page)
    found = loaded.find(code)
    return None if found is None else About(found.name, found.severity, _page(found))


def _page(rule: Rule) -> str:
    """The text of the page beside a rule; a rule of the user's may have none."""
    page = Path(rule.file).with_suffix(".md")
    if page.is_file():
        return page.read_text(encoding="utf-8")
    return f"# {rule.name} ({rule.code})\n"
