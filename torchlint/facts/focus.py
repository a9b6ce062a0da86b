"""The runs of one file that is being edited."""

from __future__ import annotations

from collections.abc import Sequence

from torchlint.facts.analysis import Analysis, analyse_component
from torchlint.flow.budget import Stop, never
from torchlint.flow.library.contracts import Contracts
from torchlint.project.modules import Project, Unit


class Focus:
    """The runs of one file of a project whose other files stay as they are."""

    def __init__(
        self,
        project: Project,
        path: str,
        starts: Sequence[str],
        contracts: Contracts,
        *,
        stop: Stop = never,
    ) -> None:
        self._project = project
        self._path = path
        self._contracts = contracts
        self._stop = stop

    def analyse(self, data: bytes) -> Analysis:
        """What the file gives with this content."""
        before = self._project.units[self._path]
        view = self._project.view()
        view.units = {**self._project.units, self._path: Unit(before.path, data)}
        return analyse_component(view, [self._path], self._contracts, stop=self._stop)
