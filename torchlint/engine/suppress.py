"""Comments that take findings back, and comments that take nothing back.

Definitions
    found   every finding, before any comment is heard; in files with comments those too that are not asked for
    judged  files of which all was found that there is: only there a comment can be called unused
    used    a word of a comment that took a finding back, or a comment without words that did

Worked example: in ``loss = bce(x, y)  # noqa: E501, TL101, TL107``, where TL101 is found, the comment takes it back;
TL107 is unused, which is TL002 with a fix that leaves ``# noqa: E501, TL101``; E501 is no business of ours.

A comment is judged strictly: a word is called unused only if every rule that it means was asked for in that file,
since another run may need it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence

from torchlint.config import Settings
from torchlint.diagnostic import Diagnostic, Edit, Fix, Location, Span
from torchlint.engine.builtin import (
    BUILTINS,
    INVALID_SUPPRESSION,
    UNHEARD,
    UNUSED_SUPPRESSION,
    Builtin,
)
from torchlint.engine.select import Declared, closest, shows
from torchlint.rule import Rule
from torchlint.syntax.comments import FILE, OFF, ON, Suppression, Suppressions, Word, source_rows, suppressions

Text = Callable[[str], "str | None"]
_OWN = (UNUSED_SUPPRESSION, INVALID_SUPPRESSION)


def heard(
    found: Sequence[Diagnostic],
    text: Text,
    settings: Callable[[str], Settings],
    rules: Sequence[Rule],
    judged: Callable[[str], bool],
    commented: Collection[str] = (),
    *,
    foreign_comments: bool = True,
) -> list[Diagnostic]:
    """What is asked for and no comment takes back, with what is wrong with comments in the files `commented`.

    judged: whether all was found in a file; it is asked only where that matters. foreign_comments: whether comments
    that other tools read too take findings back, and are judged.
    """
    by_path: dict[str, list[Diagnostic]] = defaultdict(list)
    for one in found:
        by_path[one.span.path].append(one)
    kept: list[Diagnostic] = []
    for path in sorted({*by_path, *commented}):
        group = by_path[path]
        file = _File(path, text(path) or "", foreign_comments, settings(path), [*rules, *BUILTINS])
        kept += file.left(group)
        if path in commented and not any(one.code in UNHEARD for one in group):
            kept += file.complaints(group, judged)
    return kept


class _File:
    """The comments of one file, and what they were good for."""

    def __init__(
        self, path: str, text: str, hears_foreign: bool, settings: Settings, rules: Sequence[Declared]
    ) -> None:
        self.path = path
        self.comments = suppressions(text) if hears_foreign else suppressions(text).own()
        self.rows = source_rows(text)
        self.settings = settings
        self.rules = rules
        self.used: set[tuple[Suppression, Word | None]] = set()

    def left(self, found: Sequence[Diagnostic]) -> list[Diagnostic]:
        """What is asked for and not taken back."""
        return [
            one
            for one in found
            if shows(self.settings, one.code, one.name, one.severity)
            and (one.code in UNHEARD or not self.comments.covers(one.span, one.code, one.name))
        ]

    def complaints(self, found: Sequence[Diagnostic], judged: Callable[[str], bool]) -> list[Diagnostic]:
        """What is wrong with the comments, given all findings of the file."""
        for one in found:
            if one.code not in UNHEARD:
                self.use(one, self.comments.covering(one.span, one.code, one.name))
        said: list[Diagnostic] = []
        if self._asked(INVALID_SUPPRESSION):
            said += [one for one in self.invalid() if not self.taken_back(one, None)]
        if not self._asked(UNUSED_SUPPRESSION):
            return said
        early = [(comment, self.unused(comment, own=False)) for comment in self.comments.comments]
        for comment, words in early:
            if words != []:
                self.taken_back(self._unused(comment, words), comment, words)
        late = [(comment, self.unused(comment, own=True)) for comment in self.comments.comments]
        unused = [(comment, words, self._unused(comment, words)) for comment, words in late if words != []]
        left = [one for comment, words, one in unused if not self.taken_back(one, comment, words)]
        return [*said, *left] if left and judged(self.path) else said

    def use(self, one: Diagnostic, covering: Iterable[Suppression]) -> None:
        """Note which words of the comments that cover a finding were good for that."""
        for comment in covering:
            if comment.words is None:
                self.used.add((comment, None))
            for word in comment.words or ():
                if word.means(one.code, one.name, comment.foreign):
                    self.used.add((comment, word))

    def taken_back(self, one: Diagnostic, about: Suppression | None, unused: Sequence[Word] | None = None) -> bool:
        """Whether a comment takes back what is said of comments.

        The one it is `about` must name it in full, and by a word that is not itself `unused`.
        """
        covering = [
            comment
            for comment in self.comments.covering(one.span, one.code, one.name)
            if comment is not about
            or any(word.text in (one.code, one.name) and word not in (unused or ()) for word in comment.words or ())
        ]
        self.use(one, covering)
        return bool(covering)

    def _asked(self, builtin: Builtin) -> bool:
        return shows(self.settings, builtin.code, builtin.name, builtin.severity)

    # --- TL002 -----------------------------------------------------------------------------------------------------

    def unused(self, comment: Suppression, *, own: bool) -> list[Word] | None:
        """The words of a comment that are good for nothing; None if that is the whole of one without words.

        own: whether words that mean what is said of comments are judged too.
        """
        if comment.kind == ON:
            useless = self.comments.ends_nothing(comment)
            return ([] if not useless else None) if comment.words is None else list(comment.words) if useless else []
        if comment.words is None:
            lasting = comment.foreign or comment.kind == FILE  # such a comment says what shall not be judged at all
            return [] if lasting or (comment, None) in self.used or not self._all_asked(self.rules) else None
        return [word for word in comment.words if self._useless(comment, word, own)]

    def _useless(self, comment: Suppression, word: Word, own: bool) -> bool:
        meant = [rule for rule in self.rules if word.means(rule.code, rule.name, comment.foreign)]
        if not meant or not self._all_asked(meant) or (not own and any(rule in _OWN for rule in meant)):
            return False
        twin = any(word.text == other.text and other.column < word.column for other in comment.words or ())
        return twin or (comment, word) not in self.used

    def _all_asked(self, rules: Sequence[Declared]) -> bool:
        """Whether rules are all asked for, but for those that are off by default where there are others."""
        on = [rule for rule in rules if rule.on_by_default] or rules
        return all(shows(self.settings, rule.code, rule.name, rule.severity) for rule in on)

    def _unused(self, comment: Suppression, words: list[Word] | None) -> Diagnostic:
        whole = words is None or len(words) == len(comment.words or ())
        if words is None:
            message = "this ends nothing" if comment.kind == ON else "this silences nothing"
        else:
            names = " and ".join(dict.fromkeys(f"`{word.text}`" for word in words))
            verb = "silence" if len({word.text for word in words}) > 1 else "silences"
            message = f"{names} {'ends' if comment.kind == ON else verb} nothing here"
        span = self._span(comment.place, comment.column, comment.end)
        title = "remove the comment" if whole else "remove " + " and ".join(f"`{word.text}`" for word in words or ())
        edits = self._without(comment) if whole else self._shortened(comment, words or [])
        if whole and comment.kind == OFF:
            edits += tuple(edit for end in self._ends(comment) for edit in self._without(end))
        message += "; remove them" if len({word.text for word in words or ()}) > 1 else "; remove it"
        return _said(UNUSED_SUPPRESSION, message, span, (Fix(title, edits, safe=True),))

    def _without(self, comment: Suppression) -> tuple[Edit, ...]:
        """The file without a comment, and without its row if nothing else stands there."""
        row = self.rows[comment.place - 1]
        before, after = row[: comment.column - 1], row[comment.end - 1 :]
        if after.strip():  # another comment
            end = comment.end + len(after) - len(after.lstrip())
            return (Edit(self._span(comment.place, comment.column, end), ""),)
        if before.strip() or comment.place == len(self.rows):
            return (Edit(self._span(comment.place, len(before.rstrip()) + 1, len(row) + 1), ""),)
        here, next_row = Location(comment.place, 1), Location(comment.place + 1, 1)
        return (Edit(Span(self.path, here, next_row), ""),)

    def _ends(self, begin: Suppression) -> list[Suppression]:
        """The comments that end nothing but what `begin` begins."""
        others = Suppressions(tuple(comment for comment in self.comments.comments if comment is not begin))
        ends = [comment for comment in others.comments if comment.kind == ON]
        return [end for end in ends if others.ends_nothing(end) and not self.comments.ends_nothing(end)]

    def _shortened(self, comment: Suppression, unused: Sequence[Word]) -> tuple[Edit, ...]:
        """The comment with the words that are good for something."""
        words = comment.words or ()
        edits = []
        kept = False
        for number, word in enumerate(words):
            if word not in unused:
                kept = True
                continue
            start, end = word.column, word.column + len(word.text)
            if kept:  # with the comma before it
                start = words[number - 1].column + len(words[number - 1].text)
            elif number + 1 < len(words):  # with the comma behind it
                end = words[number + 1].column
            edits.append(Edit(self._span(comment.place, start, end), ""))
        return tuple(edits)

    # --- TL003 -----------------------------------------------------------------------------------------------------

    def invalid(self) -> list[Diagnostic]:
        """What is said of comments that cannot be meant."""
        said = [
            _said(INVALID_SUPPRESSION, one.message, self._span(one.row, one.column, one.end))
            for one in self.comments.mistakes
        ]
        for comment in self.comments.comments:
            said += [self._unknown(comment, word) for word in comment.words or () if self._is_unknown(comment, word)]
        return said

    def _is_unknown(self, comment: Suppression, word: Word) -> bool:
        if any(word.means(rule.code, rule.name, comment.foreign) for rule in self.rules):
            return False
        ours = {rule.code.rstrip("0123456789") for rule in self.rules}
        return not comment.foreign or word.text.rstrip("0123456789") in ours

    def _unknown(self, comment: Suppression, word: Word) -> Diagnostic:
        close = closest(word.text, self.rules)
        if close is not None and comment.foreign:  # to other tools, names say nothing
            close = next((rule.code for rule in self.rules if close in (rule.code, rule.name)), close)
        hint = f"; did you mean `{close}`?" if close else "; `torchlint rules` lists them"
        if close == "ALL":
            close, hint = None, "; a comment without brackets speaks of all"
        span = self._span(comment.place, word.column, word.column + len(word.text))
        fixes = (Fix(f"replace `{word.text}` by `{close}`", (Edit(span, close),), safe=False),) if close else ()
        return _said(INVALID_SUPPRESSION, f"no rule has the code or name `{word.text}`{hint}", span, fixes)

    def _span(self, row: int, start: int, end: int) -> Span:
        return Span(self.path, Location(row, start), Location(row, end))


def _said(builtin: Builtin, message: str, span: Span, fixes: tuple[Fix, ...] = ()) -> Diagnostic:
    return Diagnostic(builtin.code, builtin.name, builtin.severity, message, span, (), fixes)
