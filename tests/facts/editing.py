"""A project of which one file is edited: what runs of it say, and edits as a person makes them."""

from __future__ import annotations

import random
from collections.abc import Mapping

from tests.conftest import rules
from torchlint.config import Settings
from torchlint.diagnostic import Diagnostic
from torchlint.engine import registry, run
from torchlint.facts.analysis import Analysis, analyse_component
from torchlint.facts.focus import Focus
from torchlint.flow.library.contracts import Contracts
from torchlint.flow.library.tables import Table
from torchlint.project.components import components
from torchlint.project.modules import Project


class Bench:
    """A project of these files, by path."""

    def __init__(self, files: Mapping[str, str], taught: list[Table] | None = None) -> None:
        self.files = dict(files)
        self.contracts = Contracts.load([str(registry.own_contracts())], taught or [], "")
        self.project = Project({path: text.encode() for path, text in files.items()}, lambda path: None)
        self.parts = components(self.project.view(), self.project.relevant())

    def focus(self, path: str) -> Focus:
        """A focus on a file, everything prepared."""
        starts = next((part for part in self.parts if path in part), [path])
        return Focus(self.project, path, starts, self.contracts)

    def said(self, analysis: Analysis, path: str, text: str) -> list[Diagnostic]:
        """What the rules say of one file with this content."""
        settings = Settings()
        texts = {**self.files, path: text}
        found = run.find(analysis, rules().rules, {path}, lambda path: settings, texts.get)
        return run.sift(found, rules().rules, lambda path: settings, texts.get)

    def near(self, focus: Focus, text: str) -> list[Diagnostic]:
        """What a run of the focus says of it."""
        return self.said(focus.analyse(text.encode()), focus.path, text)

    def whole(self, path: str) -> list[Diagnostic]:
        """What the run of the whole component says of a file as it was to begin with."""
        starts = next((part for part in self.parts if path in part), [path])
        analysis = analyse_component(self.project.view(), starts, self.contracts)
        return self.said(analysis, path, self.files[path])


def edits(text: str, count: int, seed: int) -> list[str]:
    """So many contents, each an edit of the one before, now and then the first again; about a third are no Python."""
    chance = random.Random(seed)
    made: list[str] = []
    now = text
    for _ in range(count):
        rows = now.split("\n")
        at = chance.randrange(len(rows))
        kind = chance.choice(("delete", "double", "number", "name", "break", "mend", "back", "swap", "comment"))
        if kind == "delete" and len(rows) > 1:
            del rows[at]
        elif kind == "double":
            rows.insert(at, rows[at])
        elif kind == "number":
            rows[at] = rows[at].replace("1", "2") if "1" in rows[at] else rows[at].replace("3", "1")
        elif kind == "name":
            rows[at] = rows[at].replace("x", "xs") if chance.random() < 0.5 else rows[at].replace("Net", "Other")
        elif kind == "break":
            rows[at] += " ("
        elif kind == "swap" and at:
            rows[at - 1], rows[at] = rows[at], rows[at - 1]
        elif kind == "comment":
            rows.insert(at, "# a remark")
        now = text if kind == "back" else "\n".join(rows)
        if kind == "mend":
            now = now.replace(" (\n", "\n")
        made.append(now)
    return made
