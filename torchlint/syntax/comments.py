"""Comments that silence findings.

Definitions
    wanted    what a comment names: codes (or prefixes of codes), names of rules, or everything
    line      a comment that counts for findings whose span begins or ends on its row
    file      a comment that counts everywhere in its file

Worked example: in ``loss = nn.BCELoss()  # noqa: TL101`` the comment covers every finding TL101 of that row; so do
``# noqa``, ``# noqa: TL1``, ``# torchlint: ignore`` and ``# torchlint: ignore[bce-on-logits] why``.

Comments are found by the tokenizer, never by searching program text: a ``# noqa`` in a string says nothing.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator

import msgspec

from torchlint.diagnostic import Span

_MARKS = re.compile(r"noqa|torchlint", re.IGNORECASE)
_CODES = r"[A-Za-z]+[0-9]+\b(?:[,\s]+[A-Za-z]+[0-9]+\b)*"
_NOQA = re.compile(rf"#\s*(?i:noqa)(?::\s?(?P<codes>{_CODES}))?(?P<rest>[:\w-]?)")
_FLAKE8 = re.compile(rf"#\s*(?i:flake8[:=]\s*noqa)(?P<colon>:\s?(?P<codes>{_CODES}))?\s*$")
_OURS = re.compile(r"#\s*torchlint:\s*(?P<kind>ignore-file|ignore)\b(?!-)(?:\[(?P<names>[^\]]*)\])?")
_SEPARATOR = re.compile(r"[,\s]+")


class Suppression(msgspec.Struct, frozen=True):
    """One comment, or one part of it.

    `row` is None if it counts for the whole file; `place` is the row where it stands. `wanted` is None for everything.
    `foreign` marks a comment that other tools read too, whose unknown codes are nobody's business here.
    """

    place: int
    row: int | None
    wanted: tuple[str, ...] | None
    foreign: bool

    def covers(self, span: Span, code: str, name: str) -> bool:
        """Whether a finding of the rule `code`, also called `name`, is silenced by this comment."""
        if self.row is not None and self.row not in (span.start.row, _last_row(span)):
            return False
        if self.wanted is None:
            return True
        return any(code.startswith(word) or (word == name and not self.foreign) for word in self.wanted)


class Suppressions(msgspec.Struct, frozen=True):
    """All comments of one file that silence something, in the order of the text."""

    comments: tuple[Suppression, ...] = ()

    def covers(self, span: Span, code: str, name: str) -> bool:
        """Whether any comment silences a finding of the rule `code`, also called `name`, at `span`."""
        return any(comment.covers(span, code, name) for comment in self.comments)

    def own(self) -> Suppressions:
        """Those of torchlint alone, without those that other tools read too."""
        return Suppressions(tuple(comment for comment in self.comments if not comment.foreign))

    def covering(self, span: Span, code: str, name: str) -> tuple[Suppression, ...]:
        """The comments that silence a finding: what is never listed here is unused."""
        return tuple(comment for comment in self.comments if comment.covers(span, code, name))


def suppressions(text: str) -> Suppressions:
    """The suppression comments of a text. What follows a place that cannot be tokenized is not read."""
    if _MARKS.search(text) is None:
        return Suppressions()
    found: list[Suppression] = []
    for row, comment, alone in _comments(text):
        found.extend(_read(row, comment, alone))
    return Suppressions(tuple(found))


def _comments(text: str) -> Iterator[tuple[int, str, bool]]:
    """Row, text, and whether it stands on a line of its own, of each comment that may matter."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline=None).readline):
            if token.type == tokenize.COMMENT and _MARKS.search(token.string):
                yield token.start[0], token.string, not token.line[: token.start[1]].strip()
    except (tokenize.TokenError, SyntaxError, RecursionError):
        return


def _read(row: int, comment: str, alone: bool) -> Iterator[Suppression]:
    whole = _FLAKE8.search(comment)
    if whole is not None:
        yield Suppression(row, None, _split(whole["codes"]), foreign=True)
        return
    for match in _OURS.finditer(comment):
        wanted = _split(match["names"])
        if match["kind"] == "ignore":
            yield Suppression(row, row, wanted, foreign=False)
        elif alone:
            yield Suppression(row, None, wanted, foreign=False)
    noqa = _NOQA.search(comment)
    if noqa is not None and (noqa["codes"] is not None or noqa["rest"] in ("", "-", ":")):
        yield Suppression(row, row, _split(noqa["codes"]), foreign=True)


def _split(words: str | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(word for word in _SEPARATOR.split(words) if word)


def _last_row(span: Span) -> int:
    """The row of the last character: a span that ends at the start of a row does not reach it."""
    return span.end.row - 1 if span.end.column == 1 and span.end.row > span.start.row else span.end.row
