"""Which words a row may use: the names of the rules, and the plain words beside them.

Worked example: ``range = "softmx"`` in a user's table is an error that names the row, before anything is analysed.
"""

from __future__ import annotations

from torchlint.flow.library.dtypes import DTYPE_RULES
from torchlint.flow.library.meanings import KINDS, MEANING_RULES
from torchlint.flow.library.ranges import RANGE_RULES
from torchlint.flow.library.reading import DTYPES
from torchlint.flow.library.results import RESULT_RULES
from torchlint.flow.library.shapes import SHAPE_RULES
from torchlint.flow.library.tables import Operation

_DTYPE_WORDS = frozenset(DTYPE_RULES) | DTYPES
_MEANING_WORDS = frozenset(MEANING_RULES) | KINDS


def unknown_rule(op: Operation) -> str | None:
    """What is wrong with the words of an operation; None if nothing is."""
    if isinstance(op.range, str) and op.range not in RANGE_RULES:
        return f"`range` names no rule: {op.range!r}"
    if op.shape not in SHAPE_RULES:
        return f"`shape` names no rule: {op.shape!r}"
    if op.dtype not in _DTYPE_WORDS:
        return f"`dtype` is neither a dtype nor a rule: {op.dtype!r}"
    if op.meaning not in _MEANING_WORDS:
        return f"`meaning` is neither a meaning nor a rule: {op.meaning!r}"
    if op.result and op.result not in RESULT_RULES:
        return f"`result` names no rule: {op.result!r}"
    return None
