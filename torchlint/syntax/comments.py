"""Comments that silence findings.

Definitions
    wanted    what a comment names: codes (or prefixes of codes), names of rules, or everything
    line      a comment that counts for findings whose span begins or ends on its row, or on a row that a backslash or
              a string of several rows joins to it, where no comment can stand
    block     ``off`` and ``on``, each on a row of its own: counts from there to the end of the indented block that it
              stands in, at the top level to the end of the file. Of those that count at a row and speak of a rule, the
              last decides; so ``on`` ends what ``off`` began, and both may name rules
    file      a comment that counts everywhere in its file
    mistake   a comment that is plainly meant for torchlint and says nothing to it

Worked example: in ``loss = nn.BCELoss()  # noqa: TL101`` the comment covers every finding TL101 of that row; so do
``# noqa``, ``# noqa: TL1``, ``# torchlint: ignore`` and ``# torchlint: ignore[bce-on-logits] why``.

Comments are found by the tokenizer, never by searching program text: a ``# noqa`` in a string says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import islice

import msgspec

from torchlint.diagnostic import Span

LINE, FILE, OFF, ON = "line", "file", "off", "on"

_MARKS = re.compile(r"noqa|torchlint", re.IGNORECASE)
_CODES = r"[A-Za-z]+[0-9]+\b(?:[,\s]+[A-Za-z]+[0-9]+\b)*"
_NOQA = re.compile(rf"#\s*(?i:noqa)(?::\s?(?P<codes>{_CODES}))?(?P<rest>[:\w-]?)")
_FLAKE8 = re.compile(rf"#\s*(?i:flake8[:=]\s*noqa)(?P<colon>:\s?(?P<codes>{_CODES}))?\s*$")
_OURS = re.compile(
    r"#\s*torchlint:\s*(?P<kind>ignore-file|ignore|off|on)(?![\w-])(?: ?\[(?P<names>[^\]#]*)(?P<closed>\])?)?"
)
_MEANT = re.compile(r"#\s*torchlint:\s*(?P<word>[\w-]+)")
_WORD = re.compile(r"[^,\s]+")
_LINE_END = re.compile(r"\r\n|\r|\n")
_KINDS = {"ignore": LINE, "ignore-file": FILE, "off": OFF, "on": ON}
#: What other tools call these things.
_ELSEWHERE = {
    "noqa": "ignore", "disable": "ignore", "skip": "ignore", "nocheck": "ignore", "enable": "on",
    "skip-file": "ignore-file", "disable-file": "ignore-file", "file-ignore": "ignore-file",
}  # fmt: skip
#: What a comment names beyond these is not read: no person wrote it.
MOST_WORDS = 200
_LAST = 1 << 30
_TAB = 8


class Word(msgspec.Struct, frozen=True):
    """A code or name in a comment; `column` counts from 1."""

    text: str
    column: int

    def means(self, code: str, name: str, foreign: bool = False) -> bool:
        """Whether it speaks of the rule `code`, also called `name`; to other tools, names of rules say nothing."""
        return code.startswith(self.text) or (self.text == name and not foreign)


class Suppression(msgspec.Struct, frozen=True):
    """One comment, or one part of it.

    It counts from row `first` to `last`. `place` is the row where it stands, from `column` to `end`, exclusive.
    `words` is None for everything. `foreign` marks a comment that other tools read too, whose unknown codes are no
    business of ours. `alone` says that nothing else stands on its row.
    """

    kind: str
    place: int
    column: int
    end: int
    first: int
    last: int
    words: tuple[Word, ...] | None
    foreign: bool
    alone: bool

    @property
    def wanted(self) -> tuple[str, ...] | None:
        """The words; None for everything."""
        return None if self.words is None else tuple(word.text for word in self.words)

    def speaks_of(self, code: str, name: str) -> bool:
        """Whether it names the rule `code`, also called `name`, or all of them."""
        return self.words is None or any(word.means(code, name, self.foreign) for word in self.words)

    def counts(self, span: Span) -> bool:
        """Whether it counts for a finding at `span`."""
        if self.kind == LINE:
            return any(self.first <= row <= self.last for row in (span.start.row, _last_row(span)))
        return self.first <= span.start.row <= self.last


class Mistake(msgspec.Struct, frozen=True):
    """What is wrong with a comment; it stands in `row` from `column` to `end`, exclusive."""

    row: int
    column: int
    end: int
    message: str


class Suppressions(msgspec.Struct, frozen=True):
    """All comments of one file that silence something, in the order of the text, and those that are mistaken."""

    comments: tuple[Suppression, ...] = ()
    mistakes: tuple[Mistake, ...] = ()

    def covers(self, span: Span, code: str, name: str) -> bool:
        """Whether any comment silences a finding of the rule `code`, also called `name`, at `span`."""
        return bool(self.covering(span, code, name))

    def covering(self, span: Span, code: str, name: str) -> tuple[Suppression, ...]:
        """The comments that silence a finding: what is never listed here is unused."""
        found: list[Suppression] = []
        block: Suppression | None = None
        for comment in self.comments:
            if comment.speaks_of(code, name) and comment.counts(span):
                if comment.kind in (OFF, ON):
                    block = comment
                else:
                    found.append(comment)
        if block is not None and block.kind == OFF:
            found.append(block)
        return tuple(found)

    def ends_nothing(self, end: Suppression) -> bool:
        """Whether an ``on`` stands where nothing that it speaks of is off."""
        off: list[Suppression] = []
        for one in self.comments:
            if one.kind == OFF and one.place < end.place <= one.last:
                off.append(one)
            elif one.kind == ON and one.place < end.place <= one.last:
                off = [] if one.words is None else [other for other in off if other.words != one.words]
        if end.words is None:
            return not off
        spoken = [word for one in off for word in one.words or ()]
        everything = any(one.words is None for one in off)
        return not everything and not any(_related(word.text, other.text) for word in end.words for other in spoken)

    def own(self) -> Suppressions:
        """Those of torchlint alone, without those that other tools read too."""
        return Suppressions(tuple(comment for comment in self.comments if not comment.foreign), self.mistakes)


class _Read(msgspec.Struct):
    """What the tokenizer tells: the row, offset and text of comments; rows that are one; the last rows of the indented
    blocks that comments on rows of their own stand in, by the row of the comment."""

    comments: list[tuple[int, int, str]]
    joined: dict[int, tuple[int, int]]
    ends: dict[int, int]


def suppressions(text: str) -> Suppressions:
    """The suppression comments of a text. What follows a place that cannot be tokenized is not read."""
    if _MARKS.search(text) is None:
        return Suppressions()
    rows = source_rows(text)
    read = _tokenized(text, rows)
    found: list[Suppression] = []
    mistakes: list[Mistake] = []
    for row, offset, comment in read.comments:
        if _MARKS.search(comment) is None:
            continue
        before = rows[row - 1][:offset]
        for part in _parts(comment):
            made = _made(part, row, offset, before, comment, read)
            if isinstance(made, Mistake):
                mistakes += [made] if made.message else []  # prose about torchlint is none
            else:
                found.append(made)
    return Suppressions(tuple(found), tuple(mistakes))


def has_comments(text: str) -> bool:
    """Whether a text may have such comments."""
    return _MARKS.search(text) is not None


def source_rows(text: str) -> list[str]:
    """The rows of a text as Python counts them, without their ends."""
    return _LINE_END.split(text)


def joined_rows(text: str) -> dict[int, tuple[int, int]]:
    """By row, the first and the last of the rows that backslashes and strings join to it, where they are several.

    Only the last can end in a comment.
    """
    return _tokenized(text, source_rows(text)).joined


def _tokenized(text: str, rows: list[str]) -> _Read:
    import io
    import tokenize  # slow to import, and most runs meet no comment that counts

    read = _Read([], {}, {})
    open_blocks: list[tuple[int, int]] = []
    first = last = 0
    starts = True
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline=None).readline):
            if token.type in (tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER):
                continue
            first, last = first or token.start[0], max(last, token.end[0])
            if token.type == tokenize.COMMENT:
                read.comments.append((*token.start, token.string))
                if not (before := rows[token.start[0] - 1][: token.start[1]]).strip():
                    heappush(open_blocks, (-_indentation(before), token.start[0]))
            elif token.type in (tokenize.NL, tokenize.NEWLINE):
                last = token.start[0]
                if last > first:
                    read.joined.update((row, (first, last)) for row in range(first, last + 1))
                first = last = 0
                starts = starts or token.type == tokenize.NEWLINE
            elif starts:
                indent = _indentation(rows[token.start[0] - 1][: token.start[1]])
                while open_blocks and -open_blocks[0][0] > indent:
                    read.ends[heappop(open_blocks)[1]] = token.start[0] - 1
                starts = False
    except (tokenize.TokenError, SyntaxError, RecursionError):
        pass
    return read


def _parts(comment: str) -> Iterator[re.Match[str]]:
    """What in a comment is meant for torchlint, or for all tools."""
    whole = _FLAKE8.search(comment)
    if whole is not None:
        yield whole
        return
    for match in _MEANT.finditer(comment):
        yield _OURS.match(comment, match.start()) or match
    noqa = _NOQA.search(comment)
    if noqa is not None and (noqa["codes"] is not None or noqa["rest"] in ("", "-", ":")):
        yield noqa


def _made(part: re.Match[str], row: int, offset: int, before: str, comment: str, read: _Read) -> Suppression | Mistake:
    """The part of a comment that begins at `offset` of a row, behind `before`, as what it means."""
    column = offset + part.start() + 1
    following = comment.find("#", part.start() + 1)
    end = offset + len(comment[: following if following >= 0 else len(comment)].rstrip()) + 1
    alone = not before.strip()
    if part.re is _MEANT:
        return _mistaken(part, row, column, offset + part.end() + 1)
    ours = part.re is _OURS
    kind = _KINDS[part["kind"]] if ours else FILE if part.re is _FLAKE8 else LINE
    words = _words(part, "names" if ours else "codes", offset)
    if ours:
        short = offset + part.end() + 1
        if part["names"] is not None and part["closed"] is None:
            return Mistake(row, column, short, f"the bracket of `{part['kind']}[` is not closed, so it says nothing")
        if words == ():
            return Mistake(row, column, short, f"`{part['kind']}[]` names no rule, so it says nothing")
        if kind != LINE and not alone:
            line = f"`{part['kind']}` counts on a line of its own only, so it says nothing here"
            return Mistake(row, column, short, line)
    first, last = read.joined.get(row, (row, row))
    if kind == FILE:
        first, last = 1, _LAST
    elif kind in (OFF, ON):
        first, last = row, read.ends.get(row, _LAST)
    return Suppression(kind, row, column, end, first, last, words, not ours, alone and part.start() == 0)


def _mistaken(part: re.Match[str], row: int, column: int, end: int) -> Mistake | Suppression:
    from difflib import get_close_matches

    word = part["word"]
    close = _ELSEWHERE.get(word.lower()) or next(iter(get_close_matches(word.lower(), _KINDS, n=1, cutoff=0.7)), None)
    message = f"`{word}` is no word that torchlint knows; did you mean `{close}`?" if close else ""
    return Mistake(row, column, end, message)


def _words(part: re.Match[str], group: str, offset: int) -> tuple[Word, ...] | None:
    if part[group] is None:
        return None
    start = offset + part.start(group) + 1
    found = islice(_WORD.finditer(part[group]), MOST_WORDS)
    return tuple(Word(word[0], start + word.start()) for word in found)


def _related(word: str, other: str) -> bool:
    """Whether two words of comments may speak of one rule: a code or name, and a prefix of it."""
    return word.startswith(other) or other.startswith(word)


def _indentation(before: str) -> int:
    """The width of what stands before the first character of a row."""
    return len(before.replace("\f", "").expandtabs(_TAB))


def _last_row(span: Span) -> int:
    """The row of the last character: a span that ends at the start of a row does not reach it."""
    return span.end.row - 1 if span.end.column == 1 and span.end.row > span.start.row else span.end.row
