from __future__ import annotations

import ast
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchlint.source.magics import effects, masked, runs_elsewhere
from torchlint.source.notebook import NotebookError, read, written_back


def code(source: object, **more: object) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": [], "source": source, **more}


def document(*cells: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}


def notebook(*sources: str) -> bytes:
    return json.dumps(document(*map(code, sources)), indent=1).encode()


# --- reading -------------------------------------------------------------------------------------------------------


def test_the_worked_example() -> None:
    text = {"cell_type": "markdown", "metadata": {}, "source": ["# Title"]}
    raw = json.dumps(document(text, code("%matplotlib inline\nx = f()"), text, code("g(x)"))).encode()
    joined = read(raw).joined()
    assert joined.text == "\n\n#\nx = f()\n\ng(x)\n"
    assert joined.span((6, 1), (6, 5)) == (4, (1, 1), (1, 5))
    assert joined.span((4, 5), (4, 8)) == (2, (2, 5), (2, 8))


def test_a_source_may_be_a_string_or_rows() -> None:
    rows = json.dumps(document(code(["a = 1\n", "b = 2"]))).encode()
    assert read(rows).joined().text == read(notebook("a = 1\nb = 2")).joined().text


def test_worksheets_hold_the_cells_of_old_notebooks() -> None:
    old = {"cell_type": "code", "language": "python", "input": ["x = 1\n", "y"], "outputs": []}
    sheets = [{"cells": [{"cell_type": "heading", "source": "T"}, old]}, {"cells": [old]}]
    raw = json.dumps({"nbformat": 3, "metadata": {"name": ""}, "worksheets": sheets}).encode()
    assert [one.number for one in read(raw).cells] == [2, 3]
    changed = json.loads(written_back(raw, {3: "z"}))
    sheets[1] = {"cells": [{**old, "input": ["z"]}]}
    assert changed == {"nbformat": 3, "metadata": {"name": ""}, "worksheets": sheets}


@pytest.mark.parametrize(
    "metadata",
    [
        {"kernelspec": {"language": "R", "name": "ir"}},
        {"kernelspec": {"display_name": "Julia 1.6", "name": "julia-1.6"}},
        {"language_info": {"name": "scala"}, "kernelspec": {"name": "python3"}},
    ],
)
def test_other_languages_have_no_cells(metadata: object) -> None:
    assert read(json.dumps(document(code("x <- 1"), metadata=metadata)).encode()).cells == ()


@pytest.mark.parametrize(
    "metadata",
    [{}, None, [], {"kernelspec": None}, {"kernelspec": {"name": 3}}, {"language_info": {"name": "ipython"}}],
)
def test_odd_metadata_is_taken_for_python(metadata: object) -> None:
    assert len(read(json.dumps(document(code("x"), metadata=metadata)).encode()).cells) == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"cell_type": "code"},
        {"cell_type": "code", "source": None},
        {"cell_type": "raw", "source": "x"},
        {"cell_type": "code", "source": "x", "metadata": {"vscode": {"languageId": "shellscript"}}},
        {"cell_type": "code", "source": "x", "language": "R"},
        {"cell_type": "code", "source": "%%bash\nls"},
        {"cell_type": "code", "source": "# title\n\n%%html\n<b>"},
        {"source": "x"},
        "x",
        None,
        3,
    ],
)
def test_what_is_no_python_cell_is_counted_and_passed_over(odd: Any) -> None:
    found = read(json.dumps(document(odd, code("y"))).encode())
    assert [(one.number, one.source) for one in found.cells if one.source] == [(2, "y")]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"3",
        b"null",
        b"{}",
        b'{"cells": 3}',
        b'{"cells": [}',
        b'{"cells": []} x',
        b"\xff\xfe{}",
        b'{"cells": ["\0"]}',
        b"[" * 100_000,
        b'{"cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=range(12),
)
def test_what_is_no_notebook(raw: bytes) -> None:
    with pytest.raises(NotebookError, match=r"^this is no notebook: "):
        read(raw)


def test_huge_numbers_and_doubled_keys() -> None:
    raw = b'{"cells": [1], "nbformat": ' + b"9" * 10_000 + b', "cells": [{"cell_type": "code", "source": "a"}]}'
    assert [one.source for one in read(raw).cells] == ["a"]
    assert json.loads(written_back(raw, {1: "b"}), parse_int=float)["cells"][0]["source"] == "b"


def test_a_comment_that_names_an_encoding_is_no_news() -> None:
    text = read(notebook("# -*- coding: latin-1 -*-\nx = 'é'")).joined().text
    assert text.split("\n").index("# -*- coding: latin-1 -*-") >= 2


# --- magics --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "python"),
    [
        ("%matplotlib inline", "#"),
        ("!pip install torch", "#"),
        ("!!ls", "#"),
        ("?print", "#"),
        ("torch.nn?", "#"),
        ("net.forward??  # why", "#"),
        ("%time x = f()", "if 1: x = f()"),
        ("%time for x in y: f(x)", "#"),
        ("%time !ls", "#"),
        ("%timeit -n 3 f()", "#"),
        ("x = !ls", "x = get_ipython()"),
        ("x, *y = %magic a = b", "x, *y = get_ipython()"),
        ("x = %time f()", "x =       f()"),
        ("if a:\n    !ls\n    %cd x", "if a:\n    pass\n    pass"),
        ("!a \\\n  b \\\n  c\nd", "#\n#\n#\nd"),
        ("%%time\nx = 1", "#\nx = 1"),
        ("cd ..", "#"),
        ("pip install torch==1.0", "#"),
        ("ls -l", "ls -l"),
        ("cat = 3", "cat = 3"),
        ("x = (a\n% b)", "x = (a\n% b)"),
        ("s = '''\n!ls\n%x\n'''\n!ls", "s = '''\n!ls\n%x\n'''\n#"),
        ("s = 'a?'", "s = 'a?'"),
        ("x = 1  # is it?", "x = 1  # is it?"),
        ("x %= 3", "x %= 3"),
        ("a = '%s' % b", "a = '%s' % b"),
        ("a = b \\\n    % c", "a = b \\\n    % c"),
        ("f(x='''a\n''')\r\n!ls\r\nb", "f(x='''a\n''')\r\n#\r\nb"),
    ],
)
def test_magics_are_masked(source: str, python: str) -> None:
    assert masked(source)[0] == python
    ast.parse(python)


@given(st.text(alphabet="ab=%!?\\'\"#()[]{} \t\r\n:.,time"))
def test_masks_keep_rows_and_say_what_is_not_the_cells(source: str) -> None:
    text, masks = masked(source)
    ends = re.compile(r"\r\n|\r|\n")
    rows, shown = ends.split(source), ends.split(text)
    assert len(rows) == len(shown)
    assert ends.findall(source) == ends.findall(text)
    for number, (row, there) in enumerate(zip(rows, shown), 1):
        hidden = [mask for mask in masks if mask.row == number]
        assert len(hidden) <= 1
        if not hidden:
            assert row == there
        else:
            assert row[: hidden[0].start - 1] == there[: hidden[0].start - 1]
            assert row[hidden[0].end - 1 :] == there[hidden[0].end - 1 :] or hidden[0].end == len(row) + 1


def test_of_a_broken_cell_its_imports_remain_and_its_names_are_unknown() -> None:
    source = (
        "import torch\nfrom torch import nn, optim\nnet, loss = f()\nprint 'x'\nnet.a = 3\nfor i in x:\n  y[0] = (\n"
    )
    python = effects(source)
    assert python.count("\n") == source.count("\n")
    assert python.startswith("import torch\nfrom torch import nn, optim\nnet = loss = i = y = get_ipython()\n")
    ast.parse(python)


@given(st.text(alphabet="abx=%(), \t\r\n:.#\0\ud800import from as noqa"))
def test_effects_are_python_of_as_many_rows(source: str) -> None:
    python = effects(source)
    ast.parse(python)
    assert len(re.split(r"\r\n|\r|\n", source)) == len(python.split("\n"))
    python.encode()


# --- places --------------------------------------------------------------------------------------------------------

SOURCES = st.lists(st.text(alphabet="ab =()#%!?\\'\r\n"), min_size=1, max_size=4)


@given(SOURCES, st.data())
def test_every_row_of_a_cell_is_found_again(sources: list[str], data: st.DataObject) -> None:
    found = read(notebook(*sources))
    broken = data.draw(st.sets(st.sampled_from(range(1, len(sources) + 1))))
    joined = found.joined(broken)
    rows = re.split(r"\r\n|\r|\n", joined.text)
    assert [one.source for one in found.cells] == [one for one in sources if not runs_elsewhere(one)]
    for one, first in zip(found.cells, joined.firsts):
        shown = re.split(r"\r\n|\r|\n", one.text)
        for row, text in enumerate(shown, 1):
            assert one.number in broken or rows[first + row - 2] == text
            for column in (1, len(one.rows[row - 1]) + 1):
                place = (first + row - 1, column)
                assert joined.span(place, place) == (one.number, (row, column), (row, column))


def test_what_goes_beyond_a_cell_is_cut_off() -> None:
    joined = read(notebook("ab\ncd", "ef")).joined()
    assert joined.text == "\n\nab\ncd\n\nef\n"
    assert joined.span((4, 1), (6, 3)) == (1, (2, 1), (2, 3))
    assert joined.span((1, 1), (1, 5)) == (1, (1, 1), (1, 1))
    assert joined.span((9, 1), (9, 5)) == (2, (1, 3), (1, 3))


def test_an_indented_cell_stands_in_a_block() -> None:
    joined = read(notebook("a", "  # why\n  b\n  c", "d")).joined()
    assert joined.text == "\n\na\nif 1:\n  # why\n  b\n  c\n\nd\n"
    ast.parse(joined.text)
    assert joined.span((6, 3), (6, 4)) == (2, (2, 3), (2, 4))


def test_what_is_switched_off_in_a_cell_is_on_again_in_the_next() -> None:
    joined = read(notebook("a\n# torchlint: off\nb", "c")).joined()
    assert joined.text == "\n\na\n# torchlint: off\nb\n# torchlint: on\nc\n"
    assert [joined.holds(row) for row in range(1, 8)] == [True, True, True, True, True, False, True]
    assert read(notebook("# torchlint: off\n# torchlint: on", "c")).joined().text.count("torchlint") == 2


def test_new_rows_go_into_the_cell_where_they_belong() -> None:
    joined = read(notebook("%%time\nimport a", "b")).joined()
    assert joined.text == "\n\n#\nimport a\n\nb\n"
    assert joined.edit((1, 1), (1, 1), "import c\n") == (1, (2, 1), (2, 1), "import c\n")
    assert joined.edit((5, 1), (5, 1), "import c\n") == (1, (2, 9), (2, 9), "\nimport c")
    assert joined.edit((6, 1), (6, 1), "import c\n") == (2, (1, 1), (1, 1), "import c\n")


def test_edits_leave_magics_alone_and_stay_in_one_cell() -> None:
    joined = read(notebook("x = %time f(a)\ny = !ls", "b")).joined()
    assert joined.text == "\n\nx =       f(a)\ny = get_ipython()\n\nb\n"
    assert joined.edit((3, 13), (3, 14), "c") == (1, (1, 13), (1, 14), "c")
    assert joined.edit((3, 1), (3, 15), "x = 1") is None
    assert joined.edit((4, 5), (4, 17), "1") is None
    assert joined.edit((4, 1), (4, 2), "z") == (1, (2, 1), (2, 2), "z")
    assert joined.edit((4, 1), (6, 2), "z") is None
    assert read(notebook("b")).joined({1}).edit((3, 1), (3, 2), "c") is None


# --- writing -------------------------------------------------------------------------------------------------------

TEXT = st.text(alphabet=st.one_of(st.sampled_from('ab"\\/\n\r\té\u2028😀 \x7f'), st.characters(codec="utf-8")))


@given(
    st.lists(st.one_of(TEXT, st.lists(TEXT)), min_size=1, max_size=4),
    TEXT,
    st.data(),
    st.sampled_from([None, 0, 1, 4, "\t"]),
    st.booleans(),
    st.booleans(),
)
def test_only_the_changed_cell_changes(
    sources: list[Any], new: str, data: st.DataObject, indent: Any, plain: bool, sort: bool
) -> None:
    wanted = document(*(code(source, id=str(n), outputs=[{"text": source}]) for n, source in enumerate(sources)))
    raw = json.dumps(wanted, indent=indent, ensure_ascii=plain, sort_keys=sort).encode() + b"\n"
    numbers = [one.number for one in read(raw).cells]
    if not numbers:
        return
    number = data.draw(st.sampled_from(numbers))
    changed = written_back(raw, {number: new})
    after = json.loads(changed)
    source = after["cells"][number - 1]["source"]
    assert isinstance(source, type(sources[number - 1]))
    assert "".join(source) == new
    wanted["cells"][number - 1]["source"] = source
    assert after == wanted
    # all before and behind that source is the same, byte for byte
    assert _around(raw, number) == _around(changed, number)


def _around(raw: bytes, number: int) -> tuple[str, str]:
    """What stands before and behind the source of a cell."""
    text = raw.decode()
    decoder = json.JSONDecoder()
    found = [match.end() for match in re.finditer(r'"source":\s*', text) if _is_key(text, match.start())]
    start = found[number - 1]
    _, end = decoder.raw_decode(text, start)
    return text[:start], text[end:]


def _is_key(text: str, at: int) -> bool:
    """Whether an offset is outside of strings."""
    inside, escaped = False, False
    for character in text[:at]:
        if escaped:
            escaped = False
        elif inside and character == "\\":
            escaped = True
        elif character == '"':
            inside = not inside
    return not inside


def test_unchanged_rows_keep_their_spelling() -> None:
    raw = b'\xef\xbb\xbf{"cells": [{"cell_type": "code", "source": ["a = \'\\u00e9\\/\'\\n",\n  "b = 1\\n", '
    raw += b"\"c = '\xc3\xa9'\"]}]}\n"
    changed = written_back(raw, {1: "a = 'é/'\nb = 'ü'\nc = 'é'"})
    assert changed == raw.replace(b"b = 1", "b = 'ü'".encode())
    longer = written_back(raw, {1: "a = 'é/'\nb = 1\nc = 'é'\nd = 2"})
    assert longer == raw.replace(b"'\xc3\xa9'\"]", b'\'\xc3\xa9\'\\n",\n  "d = 2"]')


def test_a_string_keeps_what_both_have_in_common() -> None:
    raw = b'{"cells": [{"source": "x = \'\\u00e9\\ud83d\\ude00\'; f(1); \'\\u00fc\'", "cell_type": "code"}]}'
    assert written_back(raw, {1: "x = 'é😀'; f(2, 'ö'); 'ü'"}) == raw.replace(b"f(1)", b"f(2, '\\u00f6')")


def test_nothing_changed_is_the_same_bytes() -> None:
    raw = notebook("a\nb", "c")
    assert written_back(raw, {1: "a\nb", 2: "c"}) is not None
    assert written_back(raw, {1: "a\nb", 2: "c"}) == raw


def test_there_must_be_such_a_cell() -> None:
    with pytest.raises(NotebookError):
        written_back(notebook("a"), {2: "b"})
