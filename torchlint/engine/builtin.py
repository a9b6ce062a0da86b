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

The file does not parse, or is too large for that, so nothing in it could be judged.

## Why it matters

Python would refuse the file too, unless it is too large: more than 4 MiB of program text, which nobody writes by hand,
would take gigabytes of memory. torchlint follows neither its code nor what other files import from it.
The message says where the parser stopped and what it expected.
`--ignore TL001` passes over such files.
""",
)
UNUSED_SUPPRESSION = Builtin(
    "TL002",
    "unused-suppression",
    Severity.WARNING,
    """# unused-suppression (TL002)

A comment silences a finding that there is not.

## Why it matters

A comment that outlives its reason hides the next finding on that line, which nobody has looked at. It also tells
readers that something is wrong where nothing is.

## Bad

```python
loss = F.cross_entropy(model(images), labels)  # noqa: E501, TL107
```

Nothing on this line is wrong in the eyes of TL107.

## Good

```python
loss = F.cross_entropy(model(images), labels)  # noqa: E501
```

## Fix

The safe fix takes away the code that silences nothing, or the whole comment if no code is left.

## Silent on

Codes of other tools, a `# noqa` without codes, and a `# torchlint: ignore-file` without brackets.

Rules that were not asked for in this run: another run may need the comment. The same holds for a run over a part of a
project, where the caller that a finding needs may be missing, for one that met a file with a syntax error, and for
files whose analysis ran out of its budget.

A comment is kept, and this finding with it, by `# torchlint: ignore[TL107, TL002]`.
""",
)
INVALID_SUPPRESSION = Builtin(
    "TL003",
    "invalid-suppression",
    Severity.WARNING,
    """# invalid-suppression (TL003)

A comment is meant for torchlint and says nothing to it.

## Why it matters

Whoever wrote it believes that a finding is silenced. It is not; or it will come back with the next change of the line.

## Bad

```python
loss = criterion(output, mask)  # torchlint: ignore[bce-on-logit]
loss = criterion(output, mask)  # torchlint: disable
loss = criterion(output, mask)  # torchlint: ignore-file
```

No rule has that name, there is no such word, and a comment for the whole file stands on a line of its own.

## Good

```python
# torchlint: ignore-file[missing-normalize]
loss = criterion(output, mask)  # torchlint: ignore[bce-on-logits]
```

## Fix

Where a rule's code or name comes close, the unsafe fix puts it in: whether that rule was meant, you know.

## Silent on

Codes of other tools behind `# noqa`: they are nobody's business here. Prose about torchlint.
""",
)
BUILTINS = (INTERNAL_ERROR, SYNTAX_ERROR, UNUSED_SUPPRESSION, INVALID_SUPPRESSION)
#: What no comment can take back, for the comments of such a file cannot be relied on.
UNHEARD = (INTERNAL_ERROR.code, SYNTAX_ERROR.code)
