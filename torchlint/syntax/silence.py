"""Comments added to a text, so that it silences given findings.

Worked example: for ``x = f(y)  # noqa: E501`` and a finding TL101 of that row, ``silenced`` gives
``x = f(y)  # noqa: E501, TL101`` and 1.

The comment stands on the first row of the finding; where a backslash or a string of several rows follows, on the last
of the rows that these join, which is the next that can end in a comment. A comment that names codes is given one more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from torchlint.diagnostic import Edit, Location, Span
from torchlint.source.edit import applied
from torchlint.syntax.comments import LINE, Suppression, joined_rows, source_rows, suppressions

NOQA, OURS = "noqa", "ours"


def silenced(text: str, found: Sequence[tuple[Span, str]]) -> tuple[str, int]:
    """The text with comments that silence findings of these codes, and how many rows have a comment more, or a longer
    one. Nothing is changed if the program would not stay as it is."""
    edits = comments_for(text, found)
    return applied(text, edits), len(edits)


def comments_for(text: str, found: Sequence[tuple[Span, str]]) -> list[Edit]:
    """The edits that `silenced` makes, one a row."""
    joined = joined_rows(text)
    wanted: dict[int, set[str]] = defaultdict(set)
    for span, code in found:
        row = span.start.row
        wanted[joined.get(row, (row, row))[1]].add(code)
    forms = dict.fromkeys(wanted, NOQA)
    edits = _edits(text, wanted, forms)
    after = suppressions(applied(text, edits))
    for span, code in found:
        if not after.covers(span, code, ""):  # what stands before it makes it no `noqa`
            row = span.start.row
            forms[joined.get(row, (row, row))[1]] = OURS
    if OURS in forms.values():
        edits = _edits(text, wanted, forms)
    program = _program(text)
    return edits if program is not None and _program(applied(text, edits)) == program else []


def _edits(text: str, wanted: dict[int, set[str]], forms: dict[int, str]) -> list[Edit]:
    rows = source_rows(text)
    known = suppressions(text).comments
    edits: list[Edit] = []
    for row, codes in wanted.items():
        here = [one for one in known if one.place == row and one.kind == LINE and one.words]
        longer = next(iter(sorted(here, key=lambda one: not one.foreign)), None)
        if longer is not None and forms[row] == NOQA:
            edits.append(_longer(longer, codes))
        else:
            content = rows[row - 1]
            start = len(content.rstrip()) + 1
            named = ", ".join(sorted(codes))
            comment = f"# noqa: {named}" if forms[row] == NOQA else f"# torchlint: ignore[{named}]"
            edits.append(_edit(row, start, len(content) + 1, f"  {comment}"))
    return edits


def _longer(comment: Suppression, codes: Iterable[str]) -> Edit:
    """A comment that names more codes."""
    words = comment.words or ()
    named = [word.text for word in words]
    end = words[-1].column + len(words[-1].text)
    return _edit(comment.place, end, end, "".join(f", {code}" for code in sorted(codes) if code not in named))


def _edit(row: int, start: int, end: int, text: str) -> Edit:
    return Edit(Span("", Location(row, start), Location(row, end)), text)


def _program(text: str) -> list[tuple[int, str]] | None:
    """What of a text the interpreter would see; None if it cannot be read."""
    import io
    import tokenize

    try:
        return [
            (token.type, token.string)
            for token in tokenize.generate_tokens(io.StringIO(text, newline=None).readline)
            if token.type not in (tokenize.COMMENT, tokenize.NL)
        ]
    except (tokenize.TokenError, SyntaxError, RecursionError):
        return None
