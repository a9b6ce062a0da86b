"""How findings come from facts: the quantifier, faults, suppression, order."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence

import pytest

from torchlint.config import Settings
from torchlint.diagnostic import Diagnostic, Location, Severity, Span
from torchlint.engine import run
from torchlint.facts import Fact, Occurrence, Place, TrailStep
from torchlint.facts.analysis import Analysis, Fault, Problem, Statistics
from torchlint.rule import Finding, Rule, rule
from torchlint.syntax import positions

TEXT = "import torch\n\na = 1\nb = 2\n"


class Said(Fact, frozen=True):
    """A fact that tells the rule what to say; nothing if `words` is empty."""

    words: str


class Louder(Said, frozen=True):
    """A kind of `Said` that no rule asked for."""


@rule(code="TL901", name="echo", since="0.1.0", severity=Severity.ERROR)
def echo(said: Said) -> Iterator[Finding]:
    if said.words == "raise":
        raise ValueError("a fault of the rule")
    if said.words:
        severity = Severity.INFO if said.words == "mild" else None
        yield Finding(said.place, said.words, (TrailStep(said.place, "a step"),), severity)


@rule(code="TL902", name="chorus", since="0.1.0", severity=Severity.WARNING)
def chorus(said: Said) -> Iterator[Finding]:
    yield Finding(said.place, "always")


@pytest.fixture(autouse=True)
def _rows_for_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node's number is its row, so that tests need no real tree."""

    def locate(text: str, numbers: Sequence[int], path: str, module: object = None) -> dict[int, Span]:
        return {n: Span(path, Location(n, 1), Location(n, 2)) for n in numbers}

    monkeypatch.setattr(positions, "locate", locate)


def say(words: str, guard: str = "", row: int = 3, path: str = "a.py") -> Said:
    return Said(Place(path, row), guard, words)


def diagnose(
    *occurrences: Occurrence,
    rules: Sequence[Rule] = (echo,),
    problems: Sequence[Problem] = (),
    faults: Sequence[Fault] = (),
    settings: Settings = Settings(),  # noqa: B008  a frozen value
    text: Callable[[str], str | None] = lambda path: TEXT,
) -> list[Diagnostic]:
    counted = Statistics(
        files=1,
        parsed=1,
        lines=4,
        loss_calls=0,
        loss_calls_followed=0,
        roots=0,
        roots_exhausted=0,
        unfollowed={},
        steps=0,
    )
    analysis = Analysis(list(occurrences), list(problems), list(faults), counted)
    return run.diagnose(analysis, rules, {"a.py", "b.py"}, lambda path: settings, text)


def messages(*variants: tuple[Said, ...]) -> list[str]:
    return [one.message for one in diagnose(Occurrence(variants))]


def test_one_fact() -> None:
    assert messages((say("wrong"),)) == ["wrong"]


def test_every_alternative_of_the_data_must_be_wrong() -> None:
    assert messages((say("first"), say("second"))) == ["first"]
    assert messages((say("first"), say(""))) == []


def test_the_guard_of_a_guilty_configuration_is_named() -> None:
    assert messages((say("wrong", "args.bce"),), (say("", "not args.bce"),)) == ["wrong (when `args.bce`)"]


def test_without_words_for_the_guard_there_are_none() -> None:
    assert messages((say("wrong"),), (say(""),)) == ["wrong"]


def test_no_guard_where_all_configurations_are_guilty() -> None:
    assert messages((say("first", "a"),), (say("second", "not a"),)) == ["first"]


def test_guards_of_one_message_are_joined() -> None:
    variants = ((say("wrong", "k == 1"),), (say("wrong", "k == 2"),), (say("", "k == 3"),))
    assert messages(*variants) == ["wrong (when `k == 1` or `k == 2`)"]


def test_one_right_alternative_acquits_its_configuration_only() -> None:
    assert messages((say("one", "a"), say("")), (say("two", "b"),)) == ["two (when `b`)"]


def test_configurations_without_facts_say_nothing() -> None:
    assert messages(()) == []
    assert messages((), (say("wrong", "a"),)) == ["wrong"]


def test_the_mildest_alternative_is_what_is_certain() -> None:
    occurrence = Occurrence(((say("grave"), say("mild")),))
    assert diagnose(occurrence) == []
    (shown,) = diagnose(occurrence, settings=Settings(extend_select=("TL901",)))
    assert (shown.message, shown.severity) == ("mild", Severity.INFO)


def test_facts_are_matched_by_exact_type() -> None:
    assert diagnose(Occurrence(((Louder(Place("a.py", 3), "", "wrong"),),))) == []


def test_a_rule_may_hear_several_types_of_fact() -> None:
    @rule(code="TL903", name="both", since="0.1.0", severity=Severity.WARNING)
    def both(fact: Said | Louder) -> Iterator[Finding]:
        yield Finding(fact.place, type(fact).__name__)

    assert both.facts == (Said, Louder)
    loud = Louder(Place("a.py", 4), "", "")
    assert {one.message for one in diagnose(Occurrence(((say(""),),)), Occurrence(((loud,),)), rules=[both])} == {
        "Said",
        "Louder",
    }


def test_a_raising_rule_costs_that_rule_in_that_file() -> None:
    found = diagnose(
        Occurrence(((say("kept out", row=4),),)),
        Occurrence(((say("raise"),),)),
        Occurrence(((say("elsewhere", path="b.py"),),)),
        rules=(echo, chorus),
    )
    assert [(one.span.path, one.code) for one in found] == [
        ("a.py", "TL000"),
        ("a.py", "TL902"),
        ("a.py", "TL902"),
        ("b.py", "TL901"),
        ("b.py", "TL902"),
    ]
    assert found[0].message == "internal error: the rule `echo` failed with ValueError: a fault of the rule"


def test_faults_of_the_analysis_are_internal_errors() -> None:
    (shown,) = diagnose(faults=[Fault("a.py", "KeyError: 1")], settings=Settings(ignore=("TL000", "ALL")))
    assert (shown.code, shown.message) == ("TL000", "internal error: KeyError: 1")


def test_problems_are_syntax_errors_at_their_place() -> None:
    (shown,) = diagnose(problems=[Problem("b.py", 2, 7, "expected an expression")])
    assert (shown.code, shown.span.start) == ("TL001", Location(2, 7))
    assert diagnose(problems=[Problem("b.py", 2, 7, "no")], settings=Settings(ignore=("TL001",))) == []
    assert len(diagnose(problems=[Problem("b.py", 2, 7, "no")], settings=Settings(select=("TL1",)))) == 1


def test_findings_beyond_the_linted_files_are_left_out() -> None:
    assert diagnose(Occurrence(((say("wrong", path="library.py"),),))) == []


def test_trail_steps_without_a_text_are_left_out() -> None:
    fact = say("wrong")

    @rule(code="TL903", name="far", since="0.1.0", severity=Severity.ERROR)
    def far(said: Said) -> Iterator[Finding]:
        yield Finding(said.place, "far", (TrailStep(Place("gone.py", 1), "lost"), TrailStep(said.place, "kept")))

    (shown,) = diagnose(Occurrence(((fact,),)), rules=(far,), text=lambda path: TEXT if path == "a.py" else None)
    assert [step.note for step in shown.trail] == ["kept"]


def test_positions_that_cannot_be_found_are_an_internal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str, numbers: Sequence[int], path: str) -> dict[int, Span]:
        raise RecursionError("too deep")

    monkeypatch.setattr(positions, "locate", broken)
    assert [one.code for one in diagnose(Occurrence(((say("wrong"),),)))] == ["TL000", "TL901"]


def test_the_same_said_twice_is_said_once() -> None:
    twice = [Occurrence(((say("wrong"),),))] * 2
    assert len(diagnose(*twice)) == 1


def test_results_do_not_depend_on_the_order_of_facts() -> None:
    occurrences = [
        Occurrence(((say(words, row=row, path=path),),))
        for words in "xy"
        for row in (3, 4)
        for path in ("b.py", "a.py")
    ]
    assert diagnose(*occurrences, rules=(echo, chorus)) == diagnose(*reversed(occurrences), rules=(chorus, echo))


def test_a_comment_takes_a_finding_back() -> None:
    text = TEXT.replace("a = 1", "a = 1  # torchlint: ignore[TL901]")
    assert diagnose(Occurrence(((say("wrong"),),)), text=lambda path: text) == []
    assert diagnose(Occurrence(((say("wrong", row=4),),)), text=lambda path: text) != []


def test_diagnostics_compare_and_pickle() -> None:
    found = diagnose(Occurrence(((say("wrong"),),)))
    assert pickle.loads(pickle.dumps(found)) == found
