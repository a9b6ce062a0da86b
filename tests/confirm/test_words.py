"""What verdicts say: words for every reason, of known numbers, that never promise anything."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from torchlint.claim import Grade, Outcome, Reason, Verdict
from torchlint.confirm import words
from torchlint.confirm.render import SEEN, number, worded

PROMISES = re.compile(r"\b(safe|correct|cannot|never|guaranteed|impossible)\b")
NUMBERS = dict.fromkeys(words.NUMBERS, 1.5)


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_reason_has_words_and_promises_nothing(reason: Reason, outcome: Outcome) -> None:
    grade = Grade.NONE if outcome is Outcome.INCONCLUSIVE else Grade.WITNESS
    said = worded(Verdict(outcome, grade, reason, NUMBERS, operation="sigmoid"))
    assert said.startswith(outcome.value)
    assert "?" not in said and "{" not in said
    assert not PROMISES.search(said), said


@pytest.mark.parametrize(("reason", "name"), [(Reason.PACKAGE, "torchvision"), (Reason.UNKNOWN_STEP, "histc")])
def test_what_is_missing_is_named_if_that_is_known(reason: Reason, name: str) -> None:
    nothing = Verdict(Outcome.INCONCLUSIVE, Grade.NONE, reason)
    assert "(" not in worded(nothing)
    assert f" ({name})" in worded(replace(nothing, operation=name))


@pytest.mark.parametrize("text", SEEN.values())
def test_only_numbers_that_may_come_back_are_spoken_of(text: str) -> None:
    made_here = {"range", "last", "named", "operation"}
    assert set(re.findall(r"\{(\w+)\}", text)) <= words.NUMBERS | made_here


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0"), (-0.0, "0"), (-1.25, "−1.25"), (1e-9, "1e−09"), (3.14159265, "3.142")]
)
def test_numbers_are_short(value: float, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("files", "given", "kept"),
    [
        ({"a.py": "def f(width): ..."}, ["width=16"], ("width=16",)),
        ({"a.py": "def f(width): ..."}, ["width=root:x:0:0"], ("width",)),
        ({"a.py": "def f(width): ..."}, ["AKIA0SECRET"], ("an argument",)),
        ({}, ["width=16"], ("an argument",)),
    ],
)
def test_a_guess_is_a_word_of_the_program(files: Mapping[str, str], given: list[str], kept: tuple[str, ...]) -> None:
    assert words.guesses(given, files) == kept


def test_an_operation_is_one_of_torch() -> None:
    assert words.word("sigmoid") == "sigmoid"
    assert words.word("RuntimeError") == "RuntimeError"
    assert words.word("root_x_0_0") == ""


def test_numbers_are_known_and_rounded() -> None:
    assert words.rounded({"min": 0.123456789, "smuggled": 1.0}) == {"min": 0.123457}
