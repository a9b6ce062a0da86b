"""CPU time as a budget: `with Budget(10.0): ...` raises `BudgetSpent` when the process has used it up.

`BudgetSpent` derives from `BaseException`, so that `except Exception` in the code that is run does not swallow it,
and the timer repeats, so that a bare `except:` is interrupted again. CPU time, not wall time: a verdict must not
depend on how busy the machine is. Only the main thread of a process can be limited this way; hard limits are the
confinement's.
"""

from __future__ import annotations

import signal
import time
from types import FrameType, TracebackType


class BudgetSpent(BaseException):
    """The CPU time allowed was used up."""


class Budget:
    """Seconds of CPU time that are spent by entering and leaving it, any number of times, nested or not.

    >>> budget = Budget(10.0)
    >>> with budget:
    ...     ...
    """

    def __init__(self, seconds: float) -> None:
        self.left = seconds
        self._depth = 0
        self._start = 0.0
        self._previous: object = None

    def __enter__(self) -> Budget:
        self._depth += 1
        if self._depth == 1:
            self._start = time.process_time()
            if hasattr(signal, "SIGPROF"):
                self._previous = signal.signal(signal.SIGPROF, self._ring)
                signal.setitimer(signal.ITIMER_PROF, max(self.left, 0.001), 0.25)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._depth -= 1
        if self._depth == 0:
            if hasattr(signal, "SIGPROF"):
                signal.setitimer(signal.ITIMER_PROF, 0)
                signal.signal(signal.SIGPROF, self._previous or signal.SIG_DFL)  # type: ignore[arg-type]
            self.left -= time.process_time() - self._start

    def _ring(self, number: int, frame: FrameType | None) -> None:
        raise BudgetSpent

    @staticmethod
    def of(value: object) -> Budget:
        """The budget meant: itself, a number of seconds, or a job's `{"cpu": seconds}`."""
        if isinstance(value, Budget):
            return value
        if isinstance(value, dict):
            value = value.get("cpu", 10.0)
        return Budget(float(value) if isinstance(value, (int, float)) else 10.0)
