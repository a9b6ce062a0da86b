"""What classes of models say by how they are written, beside what the interpreter saw happen."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from torchlint.facts.base import Occurrence
from torchlint.facts.constructors import constructors
from torchlint.facts.forwarding import forwarding
from torchlint.facts.hierarchy import Hierarchy
from torchlint.facts.submodules import Mentions, repeated, statistics_shared, unregistered, unused
from torchlint.facts.tensors_kept import kept
from torchlint.flow.machine import Machine


def structure(m: Machine, paths: Collection[str] | None = None, *, whole: bool = True) -> list[Occurrence]:
    """The facts of all classes of a run, in the order of their definitions.

    Args:
        paths: the files of which something is wanted, None for all. whole: as in `torchlint.facts.build.facts`.
    """
    hierarchy = Hierarchy(m)
    found: list[Iterable[Occurrence]] = [constructors(hierarchy), forwarding(hierarchy), repeated(hierarchy)]
    found.append(statistics_shared(m.events))
    if whole and hierarchy.models:
        mentions = Mentions(hierarchy)
        found += [unused(hierarchy, mentions), unregistered(hierarchy), kept(hierarchy, mentions)]
    return [
        one for occurrences in found for one in occurrences if paths is None or one.variants[0][0].place.path in paths
    ]
