"""The questions that a worker answers, by name."""

from __future__ import annotations

from typing import Any

from torchlint.frontends.outcome import UsageError
from torchlint.frontends.server.bench import Bench


def answer(bench: Bench, what: str, arguments: dict[str, Any]) -> Any:
    """The answer to a question.

    Raises:
        UsageError, ConfigError: there is none.
    """
    raise UsageError(f"no question is called {what!r}")
