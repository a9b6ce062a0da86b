"""What is said of comments that silence nothing, and of those that cannot be meant."""

from __future__ import annotations

import pytest

from tests.conftest import check, rules
from torchlint.config import Settings
from torchlint.diagnostic import Diagnostic, Severity
from torchlint.engine.builtin import INVALID_SUPPRESSION, UNUSED_SUPPRESSION
from torchlint.engine.lint import Request, lint
from torchlint.source.edit import applied

PROGRAM = """\
import torch
from torch import nn

net = nn.Linear(8, 1)
criterion = nn.BCELoss()
x, y = torch.randn(4, 8), torch.rand(4, 1)
loss = criterion(net(x), y)
"""


def program(loss: str = "", other: str = "", above: str = "") -> str:
    """The program with comments: on the line of its one finding, TL101; on another; and on a line above all."""
    text = PROGRAM.replace("net(x), y)", "net(x), y)" + loss).replace("BCELoss()", "BCELoss()" + other)
    return above + text


def said(text: str, **settings: object) -> list[Diagnostic]:
    request = Request(
        {"a.py": text.encode()},
        lambda path: None,
        rules().rules,
        lambda path: Settings(**settings),  # type: ignore[arg-type]
        lambda path: text if path == "a.py" else None,
    )
    return lint(request).diagnostics


def codes(text: str, **settings: object) -> list[str]:
    return [one.code for one in said(text, **settings)]


def mended(text: str) -> str:
    """The text with the fixes of everything that is said of comments."""
    edits = [edit for one in said(text) if one.code == "TL002" for edit in one.fixes[0].edits]
    return applied(text, edits)


def test_a_comment_that_is_used_is_not_spoken_of() -> None:
    for comment in ("# noqa: TL101", "# noqa: E501, TL1", "# torchlint: ignore[bce-on-logits]", "# torchlint: ignore"):
        assert codes(program("  " + comment)) == []
    assert codes(program(above="# torchlint: ignore-file[TL101]\n")) == []
    assert codes(program(above="# torchlint: off[TL101]\n")) == []
    assert codes(program(above="# torchlint: off\n")) == []


@pytest.mark.parametrize(
    ("comment", "left"),
    [
        ("  # noqa: TL101", ""),
        ("  # noqa: E501, TL101", "  # noqa: E501"),
        ("  # noqa: TL101,E501", "  # noqa: E501"),
        ("  # noqa: E501 TL101 TL102 W1", "  # noqa: E501 W1"),
        ("  # noqa: TL101 # type: ignore", "  # type: ignore"),
        ("  # type: ignore  # noqa: TL101 - as ever", "  # type: ignore"),
        ("  # torchlint: ignore[TL101] the sigmoid is compiled", ""),
        ("  # torchlint: ignore", ""),
        ("  # torchlint: ignore[TL101, bce-on-logits]", ""),
    ],
)
def test_a_comment_that_is_not_used_is_taken_away(comment: str, left: str) -> None:
    assert codes(program("  # noqa: TL101", comment)) == ["TL002"]
    assert mended(program("  # noqa: TL101", comment)) == program("  # noqa: TL101", left)


def test_only_the_code_that_is_not_used_is_taken_away() -> None:
    text = program("  # torchlint: ignore[TL102, TL101, TL103] why")
    (one,) = said(text)
    assert (one.severity, one.span.start.row) == (Severity.WARNING, 7)
    assert one.message == "`TL102` and `TL103` silence nothing here; remove them"
    assert one.fixes[0].safe
    assert mended(text) == program("  # torchlint: ignore[TL101] why")


def test_a_comment_on_a_row_of_its_own_goes_with_the_row() -> None:
    assert mended(program("  # noqa: TL101", above="# torchlint: ignore-file[TL102]\n")) == program("  # noqa: TL101")
    assert mended(program() + "# torchlint: off") == program()
    assert mended("# torchlint: off[TL102]\n" + program() + "# torchlint: on[TL102]\n") == program()
    needed = "# torchlint: off[TL101]\n" + program() + "# torchlint: on\n"
    assert mended(needed.replace("import torch\n", "import torch\n# torchlint: off[TL102]\n")) == needed
    assert mended(program("  # noqa: TL101") + "# torchlint: on\n") == program("  # noqa: TL101")


def test_line_ends_are_kept() -> None:
    text = program("  # noqa: TL101", "  # noqa: TL102").replace("\n", "\r\n")
    assert mended(text) == program("  # noqa: TL101").replace("\n", "\r\n")


@pytest.mark.parametrize("comment", ["  # noqa", "  # noqa: E501", "  # noqa: ABC123", "  # NOQA: E501,W291"])
def test_what_is_nobodys_business(comment: str) -> None:
    assert codes(program("  # noqa: TL101", comment)) == []


def test_a_wish_not_to_be_judged_is_not_judged() -> None:
    assert codes(program("  # noqa: TL101", above="# torchlint: ignore-file\n")) == []
    assert codes(program("  # noqa: TL101", above="# flake8: noqa\n")) == []


def test_rules_that_were_not_asked_for_may_need_their_comment() -> None:
    text = program("  # noqa: TL101", "  # noqa: TL102")
    assert codes(text, select=("TL0", "TL101")) == []
    assert codes(text, select=("TL0", "TL102")) == ["TL002"]
    assert codes(text, ignore=("TL102",)) == []
    assert codes(text, ignored_here=("TL102",)) == []
    assert codes(text, select=("TL101",)) == []
    assert codes(text, ignore=("unused-suppression",)) == []
    assert codes(text, severity=Severity.ERROR) == []
    assert codes(program("  # noqa: TL101", "  # torchlint: ignore"), ignore=("TL2",)) == []


def test_a_finding_that_is_not_shown_uses_its_comment() -> None:
    """A finding of a rule may be milder than the rule."""
    text = PROGRAM.replace("nn.BCELoss()", "nn.CrossEntropyLoss()").replace("net(x), y)", "net(x).log_softmax(1), y)")
    (mild,) = (one for one in said(text, extend_select=("ALL",)) if one.severity is Severity.INFO)
    commented = text.replace("log_softmax(1), y)", f"log_softmax(1), y)  # noqa: {mild.code}")
    assert [one.code for one in said(commented) if one.code == "TL002"] == []


def test_a_file_that_does_not_parse_is_not_judged() -> None:
    assert codes(program("  # noqa: TL102") + "x = (\n") == ["TL001"]
    files = {"a.py": program("", "  # noqa: TL102"), "b.py": "import torch\nx = (\n"}
    assert [one.code for one in check(files)] == ["TL101", "TL001"]


def test_a_project_that_is_not_whole_is_not_judged() -> None:
    text = program("  # noqa: TL102")
    request = Request(
        {"a.py": text.encode()},
        lambda path: None,
        rules().rules,
        lambda path: Settings(),
        lambda path: text,
        whole=lambda path: False,
    )
    assert [one.code for one in lint(request).diagnostics] == ["TL101"]


def test_it_can_be_silenced_by_name_only() -> None:
    assert codes(program("  # noqa: TL101", "  # torchlint: ignore[TL102, TL002]")) == []
    assert codes(program("  # noqa: TL101", "  # noqa: TL102, TL002")) == []
    assert codes(program("  # noqa: TL101", "  # torchlint: ignore[TL002]")) == ["TL002"]
    assert codes(program("  # noqa: TL101", "  # noqa: TL102", "# torchlint: ignore-file[TL002]\n")) == []
    assert codes(program("  # torchlint: ignore[TL]", "  # torchlint: ignore[TL]")) == ["TL002"]


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("# torchlint: ignore[bce-on-logit]", "`bce-on-logit`; did you mean `bce-on-logits`?"),
        ("# torchlint: ignore[tl101]", "`tl101`; did you mean `TL101`?"),
        ("# torchlint: ignore[ALL]", "`ALL`; a comment without brackets speaks of all"),
        ("# torchlint: ignore[ABC123]", "no rule has the code or name `ABC123`"),
        ("# torchlint: ignore[TL998, TL101]", "`TL998`; did you mean"),
        ("# noqa: E501, TL998", "no rule has the code or name `TL998`"),
        ("# torchlint: skip", "`skip` is no word that torchlint knows; did you mean `ignore`?"),
    ],
)
def test_comments_that_cannot_be_meant(comment: str, message: str) -> None:
    (one,) = (one for one in said(program("  " + comment)) if one.code == "TL003")
    assert message in one.message
    assert (one.severity, one.span.start.row) == (Severity.WARNING, 7)


def test_what_was_probably_meant_can_be_put_in() -> None:
    text = program("  # torchlint: ignore[bce-on-logit] why")
    (one,) = (one for one in said(text) if one.code == "TL003")
    (fix,) = one.fixes
    assert not fix.safe
    assert applied(text, fix.edits) == program("  # torchlint: ignore[bce-on-logits] why")
    assert codes(applied(text, fix.edits)) == []


def test_a_mistake_can_be_silenced() -> None:
    assert codes(program("  # torchlint: ignore[TL101, TL998, TL003]")) == []
    assert codes(program("  # noqa: TL101, TL998, TL003")) == []
    assert codes(program("  # torchlint: ignore[TL101, TL998]"), ignore=("invalid-suppression",)) == []


def test_files_that_mention_no_framework_are_not_read() -> None:
    assert codes("x = 1  # noqa: TL101\ny = 2  # noqa: TL998\n") == []


def blocks(page: str) -> dict[str, list[str]]:
    """The lines of the Python blocks of a page, by heading."""
    found: dict[str, list[str]] = {}
    heading, inside = "", False
    for line in page.splitlines():
        if line.startswith("## "):
            heading = line[3:]
        elif line.startswith("```"):
            inside = line != "```"
        elif inside:
            found.setdefault(heading, []).append(line)
    return found


def test_what_the_pages_show() -> None:
    useless = blocks(UNUSED_SUPPRESSION.page)
    start = "import torch\nfrom torch.nn import functional as F\n"
    (bad,), (good,) = useless["Bad"], useless["Good"]
    assert codes(start + bad + "\n") == ["TL002"]
    assert mended(start + bad + "\n") == start + good + "\n"
    mistaken = blocks(INVALID_SUPPRESSION.page)
    for line in mistaken["Bad"]:
        assert codes(f"import torch\n{line}\n", select=("TL003",)) == ["TL003"]
    assert codes("import torch\n" + "\n".join(mistaken["Good"]) + "\n", select=("TL003",)) == []
