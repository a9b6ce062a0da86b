"""The whole way from texts to diagnostics, as every front end asks for it: text in, diagnostics out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torchlint.config import Settings
from torchlint.diagnostic import Diagnostic
from torchlint.engine import registry, run
from torchlint.facts.analysis import Statistics, analyse
from torchlint.flow.library.tables import Table
from torchlint.rule import Rule


@dataclass(frozen=True, slots=True)
class Request:
    """What is linted, and how.

    files: what is linted, path to content (Python). context: reads a further file of the project, or gives None.
    settings: those of a linted path. text: the text of a linted or further file, or None if it has none.
    contracts: the tables of the configurations. folder: where the paths start.
    foreign_comments: whether comments that other tools read too (``# noqa``) silence findings.
    """

    files: Mapping[str, bytes]
    context: Callable[[str], bytes | None]
    rules: Sequence[Rule]
    settings: Callable[[str], Settings]
    text: Callable[[str], str | None]
    contracts: Sequence[Table] = ()
    folder: str = ""
    foreign_comments: bool = True


@dataclass(slots=True)
class Result:
    """What there is to say: diagnostics, sorted; what was covered; what seems to be wrong with the configuration."""

    diagnostics: list[Diagnostic]
    statistics: Statistics
    notes: list[str] = field(default_factory=list)


def lint(request: Request) -> Result:
    """Analyse and judge.

    Raises:
        ContractError: a contract table cannot be read.
    """
    own = [str(registry.own_contracts())]
    analysis = analyse(request.files, request.context, own, request.contracts, folder=request.folder)
    diagnostics = run.diagnose(
        analysis,
        request.rules,
        request.files,
        request.settings,
        request.text,
        foreign_comments=request.foreign_comments,
    )
    return Result(diagnostics, analysis.statistics, analysis.notes)
