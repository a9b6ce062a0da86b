"""From facts to diagnostics: every rule hears the facts of its type, and what it finds is placed, sifted and sorted.

Definitions
    occurrence     one event of the program, as the facts that it may be (see `torchlint.facts.Occurrence`)
    configuration  one variant of an occurrence: which loss, which transform; its facts differ in the data alone
    verdict        what one rule says of one configuration

Worked example: ``criterion = BCELoss() if args.bce else MSELoss()`` over a model without a sigmoid is one occurrence
of two configurations. TL101 finds something in every fact of the first, nothing in the second: it is reported with
" (when `args.bce`)". Had the model a sigmoid under some other flag, the first configuration would hold a fact in
which TL101 finds nothing, and all would be silent.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from torchlint.claim import Claim
from torchlint.config import Settings
from torchlint.diagnostic import Diagnostic, Location, Severity, Span, Step
from torchlint.engine.builtin import INTERNAL_ERROR, SYNTAX_ERROR, Builtin
from torchlint.engine.select import may_fix, shows
from torchlint.facts import Fact, Occurrence, Place
from torchlint.facts.analysis import Analysis
from torchlint.facts.claims import Claimed
from torchlint.project.modules import Problem
from torchlint.rule import Finding, Fix, Rule
from torchlint.syntax import ir

if TYPE_CHECKING:
    from torchlint.engine.fix import Editor

_START = Location(1, 1)


class Found(msgspec.Struct, frozen=True):
    """A finding of a rule with its claim, not yet placed."""

    rule: Rule
    finding: Finding
    claim: Claimed | None = None
    fixable: bool = True

    @property
    def fixes(self) -> tuple[Fix, ...]:
        """Those that the configuration lets it offer."""
        return self.finding.fixes if self.fixable else ()

    @property
    def severity(self) -> Severity:
        """The finding's own, or its rule's."""
        return self.finding.severity or self.rule.severity


class Claims(enum.Enum):
    """Which claims are made: none, those of findings, or, to try the claims themselves, all that the rules can make,
    each as a finding."""

    NONE = "none"
    FOUND = "found"
    FORCED = "forced"


def diagnose(
    analysis: Analysis,
    rules: Sequence[Rule],
    linted: Collection[str],
    settings: Callable[[str], Settings],
    text: Callable[[str], str | None],
    *,
    foreign_comments: bool = True,
) -> list[Diagnostic]:
    """What there is to say of the linted files, sorted: `find`, then `sift`."""
    return sift(find(analysis, rules, linted, settings, text), rules, settings, text, foreign_comments=foreign_comments)


def find(
    analysis: Analysis,
    rules: Sequence[Rule],
    linted: Collection[str],
    settings: Callable[[str], Settings],
    text: Callable[[str], str | None],
    claims: Claims = Claims.NONE,
) -> list[Diagnostic]:
    """What the rules find in the linted files, before comments are heard: all that is asked for, and in files with
    comments that which is not, for it says what the comments are good for.

    settings: those of a path; text: the text of a path, of those beyond `linted` too, or None if it has none.
    """
    found, broken = judge(analysis.occurrences, rules, claims)
    there = [one for one in found if one.finding.place.path in linted]
    if there:
        from torchlint.syntax.comments import has_comments  # most runs find nothing
    commented = {path for path in {one.finding.place.path for one in there} if has_comments(text(path) or "")}
    wanted = [
        replace(one, fixable=may_fix(settings(one.finding.place.path), one.rule.code, one.rule.name))
        for one in there
        if one.finding.place.path in commented
        or shows(settings(one.finding.place.path), one.rule.code, one.rule.name, one.severity)
    ]
    said, lost = _place(wanted, text, linted, analysis.modules) if wanted else ([], {})
    said += syntax_errors(analysis.problems, settings)
    faults = [(fault.path, fault.message) for fault in analysis.faults]
    faults += [(path, f"the rule `{rule.name}` failed with {error}") for (rule, path), error in broken.items()]
    faults += list(lost.items())
    return said + [internal_error(path, message) for path, message in faults]


def syntax_errors(problems: Iterable[Problem], settings: Callable[[str], Settings]) -> list[Diagnostic]:
    """What is wanted of files, or parts of files, that are no Python, before comments are heard."""
    return [
        _builtin(SYNTAX_ERROR, one.path, one.message, Location(one.row, one.column))
        for one in problems
        if shows(settings(one.path), SYNTAX_ERROR.code, SYNTAX_ERROR.name, SYNTAX_ERROR.severity)
    ]


def sift(
    found: Sequence[Diagnostic],
    rules: Sequence[Rule],
    settings: Callable[[str], Settings],
    text: Callable[[str], str | None],
    judged: Callable[[str], bool] = lambda path: False,
    commented: Collection[str] = (),
    *,
    foreign_comments: bool = True,
) -> list[Diagnostic]:
    """What is asked for and no comment takes back, and what is wrong with comments: sorted, and of equal findings one.

    judged: whether all was found in a file; commented: the files whose comments are judged; foreign_comments: whether
    comments that other tools read too (``# noqa``) take findings back.
    """
    if not found and not commented:
        return []
    from torchlint.engine.suppress import heard  # most runs find nothing

    return _distinct(heard(found, text, settings, rules, judged, commented, foreign_comments=foreign_comments))


def internal_error(path: str, message: str) -> Diagnostic:
    """That a file could not be judged, and why."""
    return _builtin(INTERNAL_ERROR, path, f"internal error: {message}")


Broken = Mapping[tuple[Rule, str], str]


def judge(
    occurrences: Iterable[Occurrence], rules: Sequence[Rule], claims: Claims = Claims.NONE
) -> tuple[list[Found], Broken]:
    """What the rules find, and which rules failed in which files, with words for the exception."""
    by_fact: dict[type[Fact], list[Rule]] = defaultdict(list)
    for rule in rules:
        for fact in rule.facts:
            by_fact[fact].append(rule)
    found: list[Found] = []
    broken: dict[tuple[Rule, str], str] = {}
    for occurrence in occurrences:
        types = {type(fact): None for variant in occurrence.variants for fact in variant}
        for rule in (rule for kind in types for rule in by_fact[kind]):
            path = next(fact.place.path for variant in occurrence.variants for fact in variant)
            if (rule, path) in broken:
                continue
            try:
                found.extend(_verdict(occurrence, rule, claims))
            except Exception as error:
                broken[rule, path] = f"{type(error).__name__}: {error}"
    return [one for one in found if (one.rule, one.finding.place.path) not in broken], broken


def _verdict(occurrence: Occurrence, rule: Rule, claims: Claims) -> list[Found]:
    """What a rule says of an occurrence: the guard is named where not every configuration is at fault."""
    verdicts = [(variant, _of_configuration(variant, rule, claims)) for variant in occurrence.variants if variant]
    guilty = [(variant[0].guard, findings) for variant, findings in verdicts if findings]
    if not guilty:
        return []
    if len(guilty) == len(verdicts):
        return guilty[0][1]
    said: dict[tuple[Place, str], tuple[Found, list[str]]] = {}
    for guard, findings in guilty:
        for one in findings:
            guards = said.setdefault((one.finding.place, one.finding.message), (one, []))[1]
            if guard and guard not in guards:
                guards.append(guard)
    return [replace(one, finding=_under(one.finding, guards)) for one, guards in said.values()]


def _under(finding: Finding, guards: Sequence[str]) -> Finding:
    """The finding, which stands under these guards only."""
    if not guards:
        return finding
    return replace(finding, message=f"{finding.message} (when {' or '.join(f'`{guard}`' for guard in guards)})")


def _of_configuration(facts: Sequence[Fact], rule: Rule, claims: Claims) -> list[Found]:
    """What a rule says of one configuration: nothing, unless every fact gives it something to say.

    Of several facts, the first of the mildest findings is taken: no more is certain.
    """
    if claims is Claims.FORCED:
        return _forced(facts, rule)
    each = [(fact, list(rule.check(fact)) if type(fact) in rule.facts else []) for fact in facts]
    if not all(findings for _, findings in each):
        return []
    fact, said = max(each, key=lambda one: (one[1][0].severity or rule.severity).mildness)
    return [Found(rule, finding, None if claims is Claims.NONE else _claimed(finding, rule, fact)) for finding in said]


def _claimed(finding: Finding, rule: Rule, fact: Fact) -> Claimed | None:
    """What a run can decide of a finding."""
    make = finding.claim if finding.claim is not None else None if rule.claim is None else partial(rule.claim, fact)
    return None if make is None else _under_guard(make(), fact)


def _under_guard(claim: Claimed | None, fact: Fact) -> Claimed | None:
    """The claim, with the tests under which its fact is one."""
    return claim if claim is None or not fact.guard else replace(claim, under=fact.guard)


def _forced(facts: Sequence[Fact], rule: Rule) -> list[Found]:
    """A finding for each claim that a rule can make of these facts."""
    made = [
        _under_guard(rule.claim(fact), fact) for fact in facts if rule.claim is not None and type(fact) in rule.facts
    ]
    finding = Finding(facts[0].place, "a claim of a rule")
    return [Found(rule, finding, claimed) for claimed in made if claimed is not None]


def _place(
    found: Sequence[Found],
    text: Callable[[str], str | None],
    linted: Collection[str],
    modules: Mapping[str, ir.Module],
) -> tuple[list[Diagnostic], dict[str, str]]:
    """Diagnostics with rows and columns, looked up only in files that are spoken of; and the files where that
    failed, with the reason."""
    from torchlint.engine.fix import Editor  # most runs find nothing
    from torchlint.syntax.positions import locate

    editor = Editor(text, linted, modules)
    numbers: dict[str, set[int]] = defaultdict(set)
    for one in found:
        for place in (
            one.finding.place,
            *(step.place for step in one.finding.trail),
            *editor.places(one.fixes),
            *(() if one.claim is None else one.claim.places),
        ):
            numbers[place.path].add(place.n)
    spans: dict[Place, Span] = {}
    lost: dict[str, str] = {}
    for path, wanted in sorted(numbers.items()):
        content = text(path)
        try:
            located = locate(content, sorted(wanted), path, modules.get(path)) if content is not None else {}
        except Exception as error:
            located = {}
            lost[path] = f"positions could not be found: {type(error).__name__}: {error}"
        spans.update((Place(path, n), span) for n, span in located.items())
    return [_diagnostic(one, spans, editor) for one in found], lost


def _diagnostic(one: Found, spans: Mapping[Place, Span], editor: Editor) -> Diagnostic:
    place = one.finding.place
    steps = [Step(spans[step.place], step.note) for step in one.finding.trail if step.place in spans]
    span = spans.get(place, Span(place.path, _START, _START))
    fixes = tuple(made for fix in one.fixes if (made := editor.edited(fix, spans)) is not None)
    claim = one.claim
    if claim is not None:
        nowhere = Span(place.path, _START, _START)
        places = tuple(spans.get(each, nowhere) for each in claim.places)
    return Diagnostic(
        one.rule.code,
        one.rule.name,
        one.severity,
        one.finding.message,
        span,
        tuple(steps),
        fixes,
        claim=None if claim is None else Claim(claim.check, claim.steps, places, claim.at, claim.under),
    )


def _distinct(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sorted, and of those that say the same of the same place the one with the shortest trail."""

    def trail_key(one: Diagnostic) -> tuple[object, ...]:
        return (len(one.trail), [(step.span.path, step.span.start, step.note) for step in one.trail])

    kept: dict[tuple[str, Span, str], Diagnostic] = {}
    for one in sorted(diagnostics, key=lambda one: (one.sort_key(), trail_key(one))):
        kept.setdefault((one.code, one.span, one.message), one)
    return list(kept.values())


def _builtin(builtin: Builtin, path: str, message: str, start: Location = _START) -> Diagnostic:
    return Diagnostic(
        builtin.code, builtin.name, builtin.severity, message, Span(path, start, Location(start.row, start.column + 1))
    )
