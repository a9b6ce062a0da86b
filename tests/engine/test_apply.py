"""Passes, trials and fixes that are taken back, on a linter of words whose every step can be seen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchlint.diagnostic import Diagnostic, Edit, Fix, Location, Severity, Span
from torchlint.engine.apply import MOST_PASSES, MOST_TRIALS, Mended, mend, moved
from torchlint.engine.lint import Result
from torchlint.facts.analysis import Statistics
from torchlint.source.edit import Offsets, applied

#: What a word's fix makes of it. Words that stand here are findings; the code of each is the word.
BECOMES = {
    "bad": "good",
    "worse": "bad",  # brings another finding
    "stays": "stays",
    "longer": "one\ntwo\nthree",
    "gone": "",
    "unsafe": "safe",
}


class Linter:
    """Finds words. `pair`: a word that is a finding only in a text that holds both of two others."""

    def __init__(self, pair: tuple[str, str] | None = None) -> None:
        self.pair = pair
        self.runs = 0

    def __call__(self, contents: Mapping[str, bytes]) -> Result:
        self.runs += 1
        found = [one for path, content in sorted(contents.items()) for one in self.of(path, content.decode())]
        return Result(sorted(found, key=Diagnostic.sort_key), Statistics())

    def of(self, path: str, text: str) -> list[Diagnostic]:
        found = []
        for row, line in enumerate(text.split("\n"), 1):
            for word in re.finditer(r"\w+", line):
                span = Span(path, Location(row, word.start() + 1), Location(row, word.end() + 1))
                if word[0] in BECOMES:
                    fix = Fix("mend it", (Edit(span, BECOMES[word[0]]),), word[0] != "unsafe")
                    found.append(finding(word[0], span, fix))
                elif word[0] == "spoilt" and self.pair is not None and all(one in text for one in self.pair):
                    found.append(finding("spoilt", span))
        return found


def finding(code: str, span: Span, *fixes: Fix) -> Diagnostic:
    return Diagnostic(code, code, Severity.ERROR, f"`{code}` is wrong", span, (), fixes)


def edited(path: str, content: bytes, edits: Sequence[Edit]) -> bytes | None:
    text = applied(content.decode(), edits)
    return None if "unparsable" in text else text.encode()


def mended(texts: Mapping[str, str], linter: Linter | None = None, *, unsafe: bool = False) -> Mended:
    contents = {path: text.encode() for path, text in texts.items()}
    return mend(contents, linter or Linter(), lambda one: one.best_fix(unsafe), edited)


def text_of(text: str, linter: Linter | None = None, *, unsafe: bool = False) -> str:
    return mended({"a": text}, linter, unsafe=unsafe).contents["a"].decode()


def codes(found: Sequence[Diagnostic]) -> list[str]:
    return [one.code for one in found]


def test_all_good_fixes_take_one_pass() -> None:
    linter = Linter()
    done = mended({"a": "bad ok bad\nlonger", "b": "gone bad", "c": "ok"}, linter)
    assert done.contents == {"a": b"good ok good\none\ntwo\nthree", "b": b" good", "c": b"ok"}
    assert codes([one for one, _ in done.fixed]) == ["bad", "bad", "longer", "gone", "bad"]
    assert not done.result.diagnostics and not done.refused and not done.unfinished
    assert linter.runs == 2


def test_nothing_to_fix_is_one_look() -> None:
    linter = Linter()
    assert mended({"a": "ok"}, linter).contents == {"a": b"ok"}
    assert linter.runs == 1


def test_the_bad_ones_among_many_are_found_by_halving_and_the_others_kept() -> None:
    linter = Linter()
    words = ["bad"] * 40
    words[7], words[23] = "stays", "worse"
    done = mended({"a": "\n".join(words)}, linter)
    assert (
        done.contents["a"].decode().split("\n") == ["good"] * 7 + ["stays"] + ["good"] * 15 + ["worse"] + ["good"] * 16
    )
    assert codes(done.refused) == codes(done.result.diagnostics) == ["stays", "worse"]
    assert linter.runs < 40


def test_unsafe_fixes_where_they_are_wanted() -> None:
    assert text_of("unsafe bad") == "unsafe good"
    assert text_of("unsafe bad", unsafe=True) == "safe good"


def test_two_fixes_of_which_each_is_good_and_both_are_not() -> None:
    linter = Linter(pair=("good", "one"))
    done = mended({"a": "bad\nlonger\nspoilt"}, linter)
    assert done.contents["a"] == b"good\nlonger\nspoilt"
    assert codes(done.refused) == ["longer"]


def test_what_was_found_before_may_stay_wherever_it_moves() -> None:
    linter = Linter(pair=("spoilt", "spoilt"))
    assert text_of("gone longer spoilt bad\nspoilt", linter) == " one\ntwo\nthree spoilt good\nspoilt"


def made(*fixes: tuple[str, tuple[tuple[str, int, int, str], ...]], text: Mapping[str, str]) -> Mended:
    """What is made of findings, each of a word, with edits of one row: path, first and last column, text."""

    def lint(contents: Mapping[str, bytes]) -> Result:
        found = []
        for word, edits in fixes:
            for path, content in sorted(contents.items()):
                column = content.find(word.encode()) + 1
                if column:
                    made = [Edit(Span(p, Location(1, first), Location(1, last)), new) for p, first, last, new in edits]
                    span = Span(path, Location(1, column), Location(1, column + len(word)))
                    found.append(finding(word, span, Fix("mend it", tuple(made), True)))
        return Result(found, Statistics())

    return mend({path: one.encode() for path, one in text.items()}, lint, lambda one: one.best_fix(False), edited)


def test_a_fix_of_several_files_is_made_whole_or_not_at_all() -> None:
    both = (("a", 1, 4, "new"), ("b", 1, 4, "new"))
    assert made(("one", both), text={"a": "one", "b": "two"}).contents == {"a": b"new", "b": b"new"}
    spoiling = (("a", 1, 4, "new"), ("b", 1, 4, "unparsable"))
    assert made(("one", spoiling), text={"a": "one", "b": "two"}).contents == {"a": b"one", "b": b"two"}
    elsewhere = (("a", 1, 4, "new"), ("c", 1, 4, "new"))
    assert made(("one", elsewhere), text={"a": "one", "b": "two"}).contents == {"a": b"one", "b": b"two"}


def test_an_import_that_two_fixes_need_is_inserted_once() -> None:
    head = ("a", 1, 1, "import x\n")
    done = made(("one", (head, ("a", 1, 4, "x.a"))), ("two", (head, ("a", 5, 8, "x.b"))), text={"a": "one two"})
    assert done.contents == {"a": b"import x\nx.a x.b"}


def test_fixes_that_meet_are_not_made_together() -> None:
    inner = ("inner", (("a", 7, 12, "x"),))
    outer = ("outer", (("a", 1, 1, "11 - "), ("a", 1, 6, "y"), ("a", 12, 12, "!")))
    # together they would give "11 - y x!"; this linter offers the same columns in the second pass as in the first
    assert made(outer, inner, text={"a": "outer inner"}).contents["a"] == b"11 - yxr!"


def lint_in_turns(contents: Mapping[str, bytes]) -> Result:
    """Each row with an ``x`` is a finding, and all fixes meet at the end of the text: each pass makes one."""
    rows = contents["a"].decode().split("\n")
    end = Location(len(rows), len(rows[-1]) + 1)
    found = []
    for row, text in enumerate(rows, 1):
        if text == "x":
            span = Span("a", Location(row, 1), Location(row, 2))
            found.append(finding("x", span, Fix("mend it", (Edit(span, "y"), Edit(Span("a", end, end), ".")), True)))
    return Result(found, Statistics())


def test_passes_end_and_the_next_run_goes_on() -> None:
    def run(contents: Mapping[str, bytes]) -> Mended:
        return mend(contents, lint_in_turns, lambda one: one.best_fix(False), edited)

    done = run({"a": b"x\n" * (MOST_PASSES + 2)})
    assert done.contents["a"] == b"y\n" * MOST_PASSES + b"x\nx\n" + b"." * MOST_PASSES and done.unfinished
    done = run(done.contents)
    assert b"x" not in done.contents["a"] and not done.unfinished


def test_trials_end_and_what_was_good_stays() -> None:
    linter = Linter()
    done = mended({"a": "bad\n" + "stays\n" * 300}, linter)
    assert done.contents["a"] == b"good\n" + b"stays\n" * 300 and done.unfinished
    assert linter.runs <= MOST_TRIALS + 1


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["ok", "spoilt", *BECOMES]), max_size=5), max_size=6), st.booleans())
def test_whatever_there_is(rows: list[list[str]], unsafe: bool) -> None:
    text = "\n".join(" ".join(row) for row in rows)
    linter = Linter(pair=("good", "safe"))
    done = mended({"a": text}, linter, unsafe=unsafe)
    before, after = codes(linter({"a": text.encode()}).diagnostics), codes(done.result.diagnostics)
    assert not set(after) - set(before) and len(after) + len(done.fixed) == len(before)
    assert linter(done.contents).diagnostics == done.result.diagnostics
    again = mended({"a": done.contents["a"].decode()}, linter, unsafe=unsafe)
    assert again.contents == done.contents


@settings(max_examples=200, deadline=None)
@given(
    st.text("ab\n", max_size=30),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), st.text("xy\n", max_size=6)), max_size=4),
)
def test_a_place_outside_all_edits_moves_with_its_character(text: str, wanted: list[tuple[int, int, str]]) -> None:
    places = locations(text)
    edits, done = [], 0
    for start, length, new in sorted(wanted):
        end = min(start + length, len(text))
        if start < done or start > len(text):
            continue
        edits.append((start, end, new))
        done = end + 1
    made = [Edit(Span("a", places[start], places[end]), new) for start, end, new in edits]
    after = applied(text, made)
    offsets = Offsets(after)
    for offset in range(len(text)):
        if all(offset < start or offset > end for start, end, _ in edits):
            shift = sum(len(new) - (end - start) for start, end, new in edits if end < offset)
            first, last = moved(places[offset], made)
            assert first == last
            assert offsets.of(first) == offset + shift


def locations(text: str) -> list[Location]:
    """The place of each offset."""
    found, row, column = [], 1, 1
    for character in text:
        found.append(Location(row, column))
        row, column = (row + 1, 1) if character == "\n" else (row, column + 1)
    return [*found, Location(row, column)]


@pytest.mark.parametrize(
    ("place", "edit", "expected"),
    [
        ((3, 5), ((2, 1), (2, 1), "import x\n"), ((4, 5), (4, 5))),
        ((2, 1), ((2, 1), (2, 1), "import x\n"), ((2, 1), (3, 1))),
        ((2, 5), ((2, 1), (2, 4), "longer"), ((2, 8), (2, 8))),
        ((2, 3), ((2, 1), (2, 4), "longer"), ((2, 1), (2, 7))),
        ((4, 2), ((2, 3), (3, 1), ""), ((3, 2), (3, 2))),
        ((3, 4), ((2, 3), (3, 2), ""), ((2, 5), (2, 5))),
    ],
)
def test_moved(
    place: tuple[int, int],
    edit: tuple[tuple[int, int], tuple[int, int], str],
    expected: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    made = Edit(Span("a", Location(*edit[0]), Location(*edit[1])), edit[2])
    assert moved(Location(*place), [made]) == (Location(*expected[0]), Location(*expected[1]))
