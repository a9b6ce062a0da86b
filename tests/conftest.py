"""The one way in which tests ask torchlint what it says: `check`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

import pytest

from torchlint.config import Settings
from torchlint.diagnostic import Diagnostic
from torchlint.engine import registry
from torchlint.engine.lint import Request, lint
from torchlint.flow.library import reader
from torchlint.source.text import decode


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Every run of torchlint in these tests shares a cache of theirs, and leaves the user's and their configuration
    alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCHLINT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


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
    request = Request(content, lambda path: None, rules().rules, lambda path: settings, text, taught)
    return lint(request).diagnostics
