"""Every format, letter by letter."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from tests.report.samples import FIXABLE, PLAIN, TRAILED, span, text
from torchlint.diagnostic import Diagnostic, Severity, Step
from torchlint.facts.analysis import Statistics
from torchlint.report.explain import explain, section, summary
from torchlint.report.findings import Findings
from torchlint.report.formats import FORMATS
from torchlint.report.rules import Row, table
from torchlint.report.statistics import statistics
from torchlint.report.text import Paint, expand, source_lines, visible

PLAINLY, COLOURED = Paint(on=False), Paint(on=True)


def concise(diagnostics: Sequence[Diagnostic], paint: Paint, unsafe: bool = False) -> str:
    return FORMATS["concise"].render(Findings(diagnostics, lambda path, cell: None, paint=paint, unsafe=unsafe))


def full(
    diagnostics: Sequence[Diagnostic], text: Callable[[str], str | None], paint: Paint, unsafe: bool = False
) -> str:
    return FORMATS["full"].render(Findings(diagnostics, lambda path, cell: text(path), paint=paint, unsafe=unsafe))


def as_json(diagnostics: Sequence[Diagnostic]) -> str:
    return FORMATS["json"].render(Findings(diagnostics, lambda path, cell: None))


def test_concise() -> None:
    assert concise([PLAIN, FIXABLE], PLAINLY) == (
        "train.py:4:8: TL101 `BCELoss` expects probabilities\ntrain.py:2:1: TL401 [*] gradients pile up\n"
    )


def test_an_unsafe_fix_is_marked_where_it_is_wanted() -> None:
    unsafe = replace(PLAIN, fixes=(replace(FIXABLE.fixes[0], safe=False), FIXABLE.fixes[0]))
    assert "[*]" not in concise([unsafe], PLAINLY) and "[*]" not in full([unsafe], text, PLAINLY)
    assert concise([unsafe], PLAINLY, unsafe=True) == "train.py:4:8: TL101 [*] `BCELoss` expects probabilities\n"
    assert full([unsafe], text, PLAINLY, unsafe=True).startswith("error[TL101]: [*] `BCELoss` expects")


def test_a_message_keeps_to_its_line_and_cannot_drive_the_terminal() -> None:
    nasty = replace(PLAIN, message="a\nb\x1b[2J\u202ec")
    assert concise([nasty], PLAINLY) == "train.py:4:8: TL101 a\\x0ab\\x1b[2J\\u202ec\n"


def test_full_with_a_trail_across_files() -> None:
    assert full([TRAILED], text, PLAINLY).splitlines() == [
        "error[TL101]: `BCELoss` expects probabilities",
        " --> train.py:4:18",
        "  |",
        "4 | loss = criterion(net(图像), 目标)  # done",
        "  |                  ^^^^^^^^^",
        "  |",
        "  = how it comes to this:",
        " ::: model.py:3:10",
        "  |",
        "3 |         return self.head(x)",
        "  |                ------------ `Conv2d` gives unbounded values",
        " ::: train.py:4:18",
        "  |",
        "4 | loss = criterion(net(图像), 目标)  # done",
        "  |                  --------- `net` returns them",
        "  | ---- and so on",
        "  = help: `torchlint explain TL101`",
        "",
    ]


def test_full_underlines_the_rest_of_the_first_line_of_a_long_span() -> None:
    long = replace(PLAIN, span=span("train.py", 2, 7, 3, last_row=4))
    assert full([long], text, PLAINLY).splitlines()[3:5] == ["2 | net = Net()", "  |       ^^^^^"]


def test_full_names_the_fix() -> None:
    assert full([FIXABLE], text, PLAINLY).splitlines()[-4:-1] == [
        "  = fix: clear them first",
        "  = or: do without (unsafe)",
        "  = help: `torchlint explain TL401`",
    ]


def test_full_shows_a_line_and_its_mark_once_for_steps_that_share_them() -> None:
    place = span("train.py", 2, 7, 12)
    shared = replace(PLAIN, trail=(Step(place, "first"), Step(place, "second")))
    assert full([shared], text, PLAINLY).splitlines()[9:12] == [
        "2 | net = Net()",
        "  |       ----- first",
        "  |             second",
    ]


def test_full_leaves_out_the_middle_of_a_long_trail() -> None:
    step = span("train.py", 2, 1, 4)
    long = replace(PLAIN, trail=tuple(Step(step, f"step {n}") for n in range(30)))
    out = full([long], text, PLAINLY)
    assert "  : ... 18 more steps\n" in out
    assert [n for n in range(30) if f"step {n}\n" in out] == [*range(3), *range(21, 30)]


def test_full_survives_places_that_are_not_there() -> None:
    gone = replace(PLAIN, span=span("gone.py", 9, 5, 8), trail=(Step(span("train.py", 99, 70, 80), "?"),))
    assert "gone.py:9:5" in full([gone], text, PLAINLY)


def test_colour_changes_nothing_but_colour() -> None:
    def bare(coloured: str) -> str:
        assert "\x1b[" in coloured
        return re.sub(r"\x1b\[[0-9;]*m", "", coloured)

    assert bare(full([TRAILED, FIXABLE], text, COLOURED)) == full([TRAILED, FIXABLE], text, PLAINLY)
    assert bare(concise([PLAIN], COLOURED)) == concise([PLAIN], PLAINLY)


def test_json_has_ruffs_keys_and_ours() -> None:
    (plain, fixable) = json.loads(as_json([TRAILED, FIXABLE]))
    ruffs = {"cell", "code", "end_location", "filename", "fix", "location", "message", "noqa_row", "url"}
    assert set(plain) == ruffs | {"name", "severity", "trail", "fixes", "verdict"}
    assert plain["location"] == {"row": 4, "column": 18}
    assert plain["end_location"] == {"row": 4, "column": 25}
    assert (plain["cell"], plain["fix"], plain["url"], plain["noqa_row"]) == (None, None, None, 4)
    assert plain["trail"][0] == {
        "cell": None,
        "filename": "model.py",
        "location": {"row": 3, "column": 10},
        "end_location": {"row": 3, "column": 22},
        "note": "`Conv2d` gives unbounded values",
    }
    assert fixable["fix"] == {
        "applicability": "safe",
        "edits": [
            {
                "cell": None,
                "content": "optimizer.zero_grad()\n",
                "filename": "train.py",
                "location": {"row": 2, "column": 1},
                "end_location": {"row": 2, "column": 1},
            }
        ],
        "message": "clear them first",
    }
    assert fixable["fixes"][0] == fixable["fix"]
    assert [fix["applicability"] for fix in fixable["fixes"]] == ["safe", "unsafe"]
    assert json.loads(as_json([])) == []


def test_statistics() -> None:
    counted = Statistics(
        files=7,
        parsed=5,
        lines=900,
        loss_calls=8,
        loss_calls_followed=6,
        roots=4,
        roots_exhausted=1,
        unfollowed={f"reason {n:02}": n for n in range(12)},
        steps=1234,
    )
    out = statistics(counted)
    assert "6 (75 %)" in out
    assert "1 (25 %)" in out
    assert [line.split()[-1] for line in out.splitlines()[-10:]] == [f"{n:02}" for n in range(11, 1, -1)]


def test_statistics_of_nothing() -> None:
    nothing = Statistics(
        files=0,
        parsed=0,
        lines=0,
        loss_calls=0,
        loss_calls_followed=0,
        roots=0,
        roots_exhausted=0,
        unfollowed={},
        steps=0,
    )
    assert "%" not in statistics(nothing)


def test_explain() -> None:
    page = "# a-name (TL999)\n\nOne sentence\nover two lines.\n\n## Why it matters\n\nBecause.\n"
    assert explain(page, colour=False, width=80) == page
    assert "\x1b[" in explain(page, colour=True, width=80)
    assert summary(page) == "One sentence over two lines."
    assert summary("# a-name (TL999)\n") == ""
    assert summary("# a-name (TL999)\n\n## Bad\n") == ""
    assert section(page, "Why it matters") == "Because."
    assert section(page, "Bad") == ""


def test_rules_table() -> None:
    rows = [Row("TL1", "a", "error", True, "Says."), Row("TL2", "long", "info", False, "Smells.")]
    assert table(rows) == "TL1  a     error    Says.\nTL2  long  info     Smells. (off by default)\n"


def test_lines_end_where_python_says() -> None:
    assert source_lines("a\r\nb\rc\x0cd\u2028e\n") == ["a", "b", "c\x0cd\u2028e", ""]


def test_cells() -> None:
    assert expand("a\tb") == ("a   b", [0, 1, 4, 5])
    assert expand("图x") == ("图x", [0, 2, 3])
    assert expand("e\u0301x") == ("e\u0301x", [0, 1, 1, 2])
    assert visible("a\tb\u200b") == "a\\x09b\\u200b"


def test_severities_have_colours() -> None:
    for severity in Severity:
        one: Diagnostic = replace(PLAIN, severity=severity)
        assert "\x1b[" in concise([one], COLOURED)
