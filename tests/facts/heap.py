"""Everything that can change and can be reached from a machine, and whether it has changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from torchlint.flow.library.contracts import Contracts
from torchlint.flow.machine import Machine
from torchlint.project.modules import Project

#: Notes that say the same whoever makes them first, and so may stay.
SAME_FOR_ALL = frozenset({"spelled"})

Photograph = list[tuple[Any, Any]]


def photograph(m: Machine) -> Photograph:
    """Every dict, list, set and struct that can be reached from a machine, each with what it holds now."""
    kept: Photograph = []
    seen: set[int] = set()
    own = [value for name, value in m.__dict__.items() if name not in ("project", "contracts", "stop", "journal")]
    pending: list[Any] = own
    while pending:
        one = pending.pop()
        if id(one) in seen or isinstance(one, (Contracts, Project)):
            continue
        if isinstance(one, (dict, list, set, tuple, msgspec.Struct)):
            seen.add(id(one))
            content = list(_content(one))
            kept.append((one, content))
            pending.extend(part for _, part in content)
    return kept


def changes(before: Photograph) -> list[str]:
    """What holds something else than when the photograph was taken."""
    return [
        f"{type(one).__name__} {str(one)[:200]}: {_difference(content, now)}"
        for one, content in before
        if not _same(content, now := list(_content(one)))
    ]


def _content(one: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(one, dict):
        yield from ((key, value) for key, value in one.items() if key not in SAME_FOR_ALL)
    elif isinstance(one, msgspec.Struct):
        yield from ((name, getattr(one, name)) for name in one.__struct_fields__)
    elif isinstance(one, set):
        yield from ((each, None) for each in one)
    else:
        yield from enumerate(one)


def _same(then: list[tuple[Any, Any]], now: list[tuple[Any, Any]]) -> bool:
    return (
        len(then) == len(now)
        and all(a is c or a == c for (a, _), (c, _) in zip(then, now))
        and all(b is d or (isinstance(b, (int, str)) and b == d) for (_, b), (_, d) in zip(then, now))
    )


def _difference(then: list[tuple[Any, Any]], now: list[tuple[Any, Any]]) -> str:
    for (a, b), (c, d) in zip(then, now):
        if b is not d:
            return f"{a!s:.60} is {d!s:.80}, was {b!s:.80}" if a == c else f"{c!s:.60} stands where {a!s:.60} stood"
    longer = now if len(now) > len(then) else then
    return f"{len(then)} became {len(now)}: {[str(key)[:60] for key, _ in longer[min(len(then), len(now)) :][:4]]}"
