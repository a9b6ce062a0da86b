"""The one way in which tests ask torchlint what it says: `check`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from torchlint.config import Settings
from torchlint.diagnostic import Diagnostic
from torchlint.engine import registry, run
from torchlint.facts.analysis import analyse
from torchlint.flow.library import reader
from torchlint.source.text import decode


@cache
def rules() -> registry.Registry:
    """Torchlint's own rules."""
    return registry.load()


def check(
    files: Mapping[str, str],
    select: Iterable[str] | None = None,
    extend_select: Iterable[str] = (),
    contracts: str = "",
) -> list[Diagnostic]:
    """What torchlint says of a project of these files, by path; `contracts` is a table of the project's own."""
    settings = Settings(None if select is None else tuple(select), tuple(extend_select))
    content = {path: text.encode() for path, text in files.items()}

    def text(path: str) -> str | None:
        return decode(content[path]) if path in content else None

    taught = [reader.teach(reader.parse_tree(contracts, "contracts.toml"), "contracts.toml")]
    analysis = analyse(content, lambda path: None, [str(registry.own_contracts())], taught)
    return run.diagnose(analysis, rules().rules, content, lambda path: settings, text)
