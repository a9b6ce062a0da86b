from __future__ import annotations

import pytest

from torchlint.diagnostic import Location, Span
from torchlint.syntax.comments import suppressions


def covered(
    text: str, code: str = "TL101", name: str = "bce-on-logits", first: int = 1, last: int | None = None
) -> bool:
    span = Span("a.py", Location(first, 1), Location(last or first, 5))
    return suppressions(text).covers(span, code, name)


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "#noqa",
        "# NOQA",
        "# NoQA: TL101",
        "# noqa: TL101",
        "# noqa:TL101",
        "# noqa: E501,TL101",
        "# noqa: E501, TL101",
        "# noqa: E501 TL101",
        "# noqa: TL1",
        "# noqa: TL101 - the model ends in a sigmoid",
        "# noqa: TL101 # the model ends in a sigmoid",
        "# noqa - the model ends in a sigmoid",
        "# type: ignore  # noqa: TL101",
        "# fixed later # noqa",
        "# torchlint: ignore",
        "#torchlint:ignore",
        "# torchlint: ignore[TL101]",
        "# torchlint: ignore[bce-on-logits]",
        "# torchlint: ignore[missing-normalize, TL101] the model ends in a sigmoid",
        "# noqa: E501  # torchlint: ignore[bce-on-logits]",
        "# torchlint: ignore[TL2] # torchlint: ignore[TL1]",
    ],
)
def test_comments_that_cover(comment: str) -> None:
    assert covered(f"loss = nn.BCELoss()  {comment}\n")


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "# noqa: E501",
        "# noqa: TL107",
        "# noqa: tl101",
        "# noqa: TL1011",
        "# noqable",
        "# see torchlint",
        "# torchlint: ignore[]",
        "# torchlint: ignore[TL2]",
        "# torchlint: ignore[bce]",
        "# torchlint: ignored",
        "# torchlint: ignore-file",
        "# torchlint: ignore-file[TL101]",
    ],
)
def test_comments_that_do_not(comment: str) -> None:
    assert not covered(f"loss = nn.BCELoss()  {comment}\n")


def test_a_comment_counts_on_the_first_and_last_row_of_the_span() -> None:
    text = "loss = criterion(  # noqa: TL101\n    out,  # noqa: TL102\n    target,\n)  # noqa: TL103\n"
    assert covered(text, "TL101", first=1, last=4)
    assert not covered(text, "TL102", first=1, last=4)
    assert covered(text, "TL103", first=1, last=4)
    assert not covered(text, "TL103", first=1, last=3)


def test_a_comment_in_a_string_says_nothing() -> None:
    assert not covered('text = "loss # noqa"\n')
    assert not covered('text = """\nloss # noqa: TL101\n# flake8: noqa\n# torchlint: ignore-file\n"""\n', first=2)
    assert covered('text = "a # b"  # noqa\n')


@pytest.mark.parametrize(
    "comment",
    [
        "# flake8: noqa",
        "# flake8: NOQA: TL101",
        "# flake8: noqa: E501, TL1",
        "# torchlint: ignore-file",
        "# torchlint: ignore-file[bce-on-logits]",
        "    # torchlint: ignore-file[TL101] generated",
    ],
)
def test_comments_for_the_whole_file(comment: str) -> None:
    assert covered(f"import torch\n{comment}\nloss = nn.BCELoss()\n", first=3)
    assert not covered("import torch\n# flake8: noqa: TL102\n# torchlint: ignore-file[TL102]\nx = 1\n", first=4)


def test_file_comments_of_our_own_stand_alone() -> None:
    assert not covered("import torch  # torchlint: ignore-file\nloss = nn.BCELoss()\n", first=2)


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_line_ends(end: str) -> None:
    assert covered(end.join(["import torch", "\x0cx = '''", "'''", "loss = f()  # noqa", ""]), first=4)


@pytest.mark.parametrize("rest", ["x = (\n", "x = '''\n", "if x:\n        a\n    b\n", "x = $\n", "print 'a'\n", "\0"])
def test_a_text_that_cannot_be_tokenized_is_read_as_far_as_it_can(rest: str) -> None:
    assert covered("loss = f()  # noqa\n" + rest)


def test_the_comments_that_cover_are_told() -> None:
    found = suppressions("loss = f()  # noqa: TL101\nx = 1  # torchlint: ignore\n")
    span = Span("a.py", Location(1, 8), Location(1, 11))
    assert [comment.place for comment in found.covering(span, "TL101", "bce-on-logits")] == [1]
    assert found.covering(span, "TL102", "other") == ()
    assert [(comment.foreign, comment.wanted) for comment in found.comments] == [(True, ("TL101",)), (False, None)]
