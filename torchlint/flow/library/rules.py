"""Which words a row may use: the names of the rules, and the plain words beside them.

Worked example: ``range = "softmx"`` in a user's table is an error that names the row, before anything is analysed.
"""

from __future__ import annotations

from collections.abc import Set

from torchlint.flow.library.dtypes import DTYPE_RULES
from torchlint.flow.library.meanings import KINDS, MEANING_RULES
from torchlint.flow.library.parameters import RULES as PARAMETER_RULES
from torchlint.flow.library.ranges import RANGE_RULES
from torchlint.flow.library.reading import DTYPES
from torchlint.flow.library.results import RESULT_RULES
from torchlint.flow.library.shapes import SHAPE_RULES
from torchlint.flow.library.tables import Module, Operation

#: By key of an operation or a layer, the words that it may have.
WORDS: dict[str, Set[str]] = {
    "range": RANGE_RULES.keys(),
    "shape": SHAPE_RULES.keys(),
    "dtype": DTYPE_RULES.keys() | DTYPES,
    "meaning": MEANING_RULES.keys() | KINDS,
    "result": RESULT_RULES.keys() | {""},
    "holds": PARAMETER_RULES.keys() | {""},
}


def unknown_word(row: Operation | Module) -> str | None:
    """The first key of a row whose word is none of its `WORDS`; None if all are right."""
    for key, words in WORDS.items():
        value = getattr(row, key, None)
        if isinstance(value, str) and value not in words:
            return key
    return None
