from __future__ import annotations

import pytest

from torchlint.diagnostic import Location, Span
from torchlint.syntax.comments import MOST_WORDS, suppressions


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
        "# torchlint: ignore [TL101]",
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
        "# torchlint: ignore[TL101",
        "# torchlint: off",
        "# torchlint: on",
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


BLOCKS = """\
a = f()
# torchlint: off[TL101, missing-normalize] the sigmoid is compiled
b = f()
# torchlint: on[TL101]
c = f()
# torchlint: off
d = f()
# torchlint: on[TL1]
e = f()
# torchlint: on
g = f()
# torchlint: off[TL1]
h = f()
# torchlint: on[TL102]
i = f()
"""


def off_in(text: str, code: str, name: str = "some-rule") -> str:
    """The names that are assigned on the lines where a rule is off."""
    lines = enumerate(text.splitlines(), 1)
    return "".join(line.strip()[0] for row, line in lines if " = f()" in line and covered(text, code, name, row))


def test_blocks() -> None:
    assert off_in(BLOCKS, "TL101") == "bdhi"
    assert off_in(BLOCKS, "TL102") == "dh"
    assert off_in(BLOCKS, "TL201", "missing-normalize") == "bcde"
    assert off_in(BLOCKS, "TL201") == "de"


def test_a_block_that_is_not_closed_goes_to_the_end_of_the_file() -> None:
    assert off_in("a = f()\n# torchlint: off\nb = f()\ndef g():\n    c = f()\nd = f()\n", "TL101") == "bcd"


def test_an_indented_comment_counts_in_its_block() -> None:
    text = """\
def f():
    a = f()
    # torchlint: off[TL101]
    b = f()
    if a:
        # torchlint: on
        c = f()

# a comment
    d = f()
    g(
        a,
        # torchlint: on
        b,
    )
    e = f()
h = f()
# torchlint: off
class C:
\t# torchlint: on
\ti = f()
j = f()
"""
    assert off_in(text, "TL101") == "bdej"


def test_a_finding_belongs_to_the_block_where_it_begins() -> None:
    text = "x = g(\n    # torchlint: off\n    f(),\n    # torchlint: on\n    f())\n"
    assert [covered(text, first=row, last=5) for row in (1, 3, 5)] == [False, True, False]


def test_block_comments_stand_alone() -> None:
    assert off_in("a = f()  # torchlint: off\nb = f()\n", "TL101") == ""
    assert off_in("# torchlint: off\na = f()\nc = 1  # torchlint: on\nb = f()\n", "TL101") == "ab"


@pytest.mark.parametrize(
    "text",
    [
        "x = f() + \\\n    g()  # noqa: TL101\n",
        'x = f("""\n# noqa: TL102\n""")  # noqa: TL101\n',
        "x = f(\n    1, '''\n\n''' + \\\n    'a',  # torchlint: ignore[TL101]\n)\n",
    ],
)
def test_rows_that_cannot_end_in_a_comment_share_that_of_the_last(text: str) -> None:
    first = 2 if text.startswith("x = f(\n") else 1
    assert covered(text, first=first)
    assert not covered(text, "TL102", first=first)
    assert not covered(text, first=9)


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("# torchlint: ignored", "`ignored` is no word that torchlint knows; did you mean `ignore`?"),
        ("# torchlint: disable=TL101", "did you mean `ignore`?"),
        ("# torchlint: noqa", "did you mean `ignore`?"),
        ("# torchlint: ignore_file", "did you mean `ignore-file`?"),
        ("# torchlint: ignore[TL101", "the bracket of `ignore[` is not closed"),
        ("# torchlint: ignore[]", "`ignore[]` names no rule"),
        ("# torchlint: off", "`off` counts on a line of its own only"),
        ("# torchlint: ignore-file[TL101]", "`ignore-file` counts on a line of its own only"),
    ],
)
def test_mistakes(comment: str, message: str) -> None:
    (mistake,) = suppressions(f"x = 1\ny = f()  {comment}\n").mistakes
    assert message in mistake.message
    assert (mistake.row, mistake.column) == (2, 10)
    assert comment[: mistake.end - mistake.column].startswith("# torchlint: ")


@pytest.mark.parametrize("comment", ["# torchlint: see the docs", "# torchlint", "# no torchlint: here", "# noqa: tl1"])
def test_prose_is_no_mistake(comment: str) -> None:
    assert suppressions(f"x = 1  {comment}\n").mistakes == ()


def test_an_end_that_ends_nothing() -> None:
    found = suppressions(BLOCKS + "# torchlint: on[TL2]\n# torchlint: on[TL101]\n# torchlint: on\n# torchlint: on\n")
    ends = [comment for comment in found.comments if comment.kind == "on"]
    assert [found.ends_nothing(end) for end in ends] == [False, False, False, False, True, False, False, True]


def test_a_comment_without_end_is_read_to_a_limit() -> None:
    words = ", ".join(f"TL{number}" for number in range(100_000))
    (comment,) = suppressions(f"x = 1  # torchlint: ignore[{words}]\n").comments
    assert len(comment.wanted or ()) == MOST_WORDS
