"""The order in which classes are searched for a method: C3 linearisation.

Source: M. Simionato, "The Python 2.3 Method Resolution Order", python.org.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def linearise(cls: T, bases: Sequence[T], mro_of: Callable[[T], Sequence[T]]) -> tuple[T, ...]:
    """C3 linearisation of a class with the given bases; where none exists, depth first without repeats.

    `mro_of` gives the finished order of a base; elements are compared by identity or equality.
    """
    chains = [list(mro_of(base)) for base in bases] + [list(bases)]
    out: list[T] = [cls]
    while any(chains):
        for chain in chains:
            if chain and not any(chain[0] in other[1:] for other in chains):
                head = chain[0]
                break
        else:
            rest: list[T] = []
            for chain in chains:
                rest.extend(item for item in chain if item not in rest and item not in out)
            return (*out, *rest)
        if head not in out:
            out.append(head)
        for chain in chains:
            if chain and chain[0] == head:
                del chain[0]
    return tuple(out)
