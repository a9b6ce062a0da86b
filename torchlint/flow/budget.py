"""How much the interpreter may evaluate.

A node of the IR counts once each time that it is evaluated; what an operation does with one combination of
alternatives counts as two.
"""

from __future__ import annotations

from collections.abc import Callable

#: Nodes that one root may evaluate, more in a small project, and calls that may be nested, before what is left is
#: unknown.
STEPS_PER_ROOT, MORE_PER_ROOT, LOST_PER_LINE = 60_000, 200_000, 10
DEPTH = 40

#: How often a function is entered again before it is done, as those of nested blocks are.
AGAIN = 1

#: A call this near to its root may use up a part of what is left; if it does, only its own result is unknown.
SHARED_DEPTH, SHARE = 4, 0.6

#: Nodes that the roots after the top levels may evaluate together: a fixed part and so many for each line, which keeps
#: the analysis of a large library near half the cost of its parsing; and a bonus that shrinks with every line, for in a
#: small project another second is nobody's loss.
ALLOWANCE, STEPS_PER_LINE, BONUS, BONUS_LOST_PER_LINE = 100_000, 0.6, 800_000, 16


def allowance(lines: int) -> float:
    """Nodes that the roots of a project of so many lines may evaluate together."""
    return ALLOWANCE + STEPS_PER_LINE * lines + max(0, BONUS - BONUS_LOST_PER_LINE * lines)


def most_per_root(lines: int) -> int:
    """Nodes that one root of a project of so many lines may evaluate."""
    return STEPS_PER_ROOT + max(0, MORE_PER_ROOT - LOST_PER_LINE * lines)


#: Nodes between two questions whether a run is still wanted.
STEPS_BETWEEN_QUESTIONS = 2_000

#: Says whether what is being worked out is no longer wanted.
Stop = Callable[[], bool]


class Exhausted(BaseException):
    """A root has used up its budget."""


class Stopped(BaseException):
    """What is being worked out is no longer wanted."""


def never() -> bool:
    """That it is wanted to the end."""
    return False
