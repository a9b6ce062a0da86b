"""The codes of the tool itself: what no rule file says, because no rule could."""

from __future__ import annotations

import msgspec

from torchlint.diagnostic import Severity


class Builtin(msgspec.Struct, frozen=True):
    """A code of the tool itself; `page` is what ``torchlint explain`` prints."""

    code: str
    name: str
    severity: Severity
    page: str

    @property
    def on_by_default(self) -> bool:
        """Whether it speaks without being asked for."""
        return True


INTERNAL_ERROR = Builtin(
    "TL000",
    "internal-error",
    Severity.ERROR,
    """# internal-error (TL000)

A fault of torchlint itself kept it from judging this file, wholly or in part.

## Why it matters

Silence about this file means nothing. The other files were judged as usual, and the exit status is 2.
The message names the exception; please report it with the smallest file that shows it.
It cannot be switched off or suppressed.
""",
)
SYNTAX_ERROR = Builtin(
    "TL001",
    "syntax-error",
    Severity.ERROR,
    """# syntax-error (TL001)

The file does not parse, so nothing in it could be judged.

## Why it matters

Python would refuse the file too, and torchlint follows neither its code nor what other files import from it.
The message says where the parser stopped and what it expected.
`--ignore TL001` passes over such files.
""",
)
BUILTINS = (INTERNAL_ERROR, SYNTAX_ERROR)
