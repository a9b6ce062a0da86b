"""Notebooks and Markdown through the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
import pytest

from torchlint.diagnostic import Edit, Location, Span
from torchlint.frontends.cli import main
from torchlint.frontends.documents import edited

IMPORTS = "import torch\nfrom torch import nn"
NET = "net = nn.Linear(8, 1)\ny = torch.rand(4, 1).round()"
LOSS = "criterion = nn.BCELoss()"
CALL = "criterion(net(torch.rand(4, 8)), y)"


def notebook(*sources: str, **more: Any) -> dict[str, Any]:
    cells = [
        {"cell_type": "code", "execution_count": 1, "id": f"c{n}", "metadata": {}, "outputs": [], "source": [source]}
        for n, source in enumerate(sources)
    ]
    for cell, source in zip(cells, sources):
        if source.startswith("# Text"):
            cell |= {"cell_type": "markdown"}
            del cell["outputs"], cell["execution_count"]
        cell["source"] = re.findall(r"[^\n]*\n|[^\n]+\Z", source)
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCHLINT_CACHE_DIR", str(tmp_path / ".cache"))
    return tmp_path


class Run:
    """The command line, and what it says."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str) -> list[str]:
        """Places and codes of a run."""
        self.status = main(list(words))
        self.out, self.errors = self._capsys.readouterr()
        return [re.sub(r": (TL\d+) .*", r" \1", line) for line in self.out.splitlines()]

    def json(self, *words: str) -> Any:
        self("--output-format", "json", *words)
        return json.loads(self.out)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


def write(name: str, *sources: str, **more: Any) -> None:
    Path(name).write_text(json.dumps(notebook(*sources, **more), indent=1))


# --- places --------------------------------------------------------------------------------------------------------


def test_places_are_those_of_cells_and_all_cells_count(run: Run) -> None:
    write("a.ipynb", "# Text", IMPORTS, NET, "# Text", LOSS + "\n\n" + CALL)
    assert run("a.ipynb") == ["a.ipynb:cell 5:3:1 TL101"]
    assert run.status == 1
    assert run.errors == "Found 1 error; 1 file checked.\n"


def test_frames_show_the_source_of_cells(run: Run) -> None:
    write("a.ipynb", IMPORTS, "%time net = nn.Sequential(nn.Linear(8, 1))\n" + NET.splitlines()[1], f"{LOSS}\n{CALL}")
    run("--output-format", "full", "a.ipynb")
    expected = """\
 --> a.ipynb:cell 3:2:1
  |
2 | criterion(net(torch.rand(4, 8)), y)
  | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
"""
    assert expected in run.out
    assert "#%" not in run.out


def test_json_names_the_cell_of_findings_and_steps(run: Run) -> None:
    shape = "nn.Sequential(nn.Linear(8, 4), nn.Linear(3, 1))"
    write("a.ipynb", IMPORTS, f"net = {shape}", "net(torch.rand(4, 8))")
    (one,) = run.json("a.ipynb")
    assert (one["cell"], one["location"], one["code"]) == (3, {"row": 1, "column": 1}, "TL301")


def test_a_notebook_on_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys

    raw = json.dumps(notebook(IMPORTS, NET, LOSS, CALL)).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
    assert run("--stdin-filename", "b.ipynb", "-") == ["b.ipynb:cell 4:1:1 TL101"]


def test_notebooks_are_found_but_for_checkpoints(run: Run) -> None:
    Path("in/.ipynb_checkpoints").mkdir(parents=True)
    for name in ("in/a.ipynb", "in/.ipynb_checkpoints/a.ipynb"):
        write(name, IMPORTS, NET, LOSS, CALL)
    assert run() == ["in/a.ipynb:cell 4:1:1 TL101"]


@pytest.mark.parametrize(
    ("target", "row"),
    [("a.ipynb", 2), ("a.ipynb:cell 4", 2), ("a.ipynb:cell 4:2", 2), ("a.md:5", 5), ("a.ipynb:cell 4:1", 1)],
)
def test_values_are_revealed_where_they_are(run: Run, target: str, row: int) -> None:
    write("a.ipynb", "# Text", "%magic", IMPORTS, "x = torch.ones(2, 3)\nx = x.T")
    Path("a.md").write_text("Text\n\n```py\nimport torch\nx = torch.ones(3, 2)\n```\n")
    run("reveal", target)
    path = target.partition(":")[0]
    cell = "cell 4:" if path == "a.ipynb" else ""
    shape = "2×3" if row == 1 else "3×2"
    assert f"{path}:{cell}{row}: x: tensor, float32, shape {shape}" in run.out
    assert target == "a.ipynb" or all(line.startswith(f"{path}:{cell}") for line in run.out.splitlines())


@pytest.mark.parametrize(
    ("target", "ways"), [("a.ipynb", 2), ("a.ipynb:cell 3", 2), ("a.ipynb:cell 4:1", 2), ("b.py", 0)]
)
def test_the_way_of_the_data_goes_through_cells(run: Run, target: str, ways: int) -> None:
    write("a.ipynb", IMPORTS, NET, LOSS + "\nx = torch.rand(4, 8)", CALL.replace("torch.rand(4, 8)", "x"))
    Path("b.py").write_text("import torch\n")
    run("trace", target, ".")
    assert run.out.count("a.ipynb:cell 4:1 · BCELoss") == (1 if target == "a.ipynb:cell 3" else ways)
    assert ways == 0 or re.search(r"torch\.rand .* a\.ipynb:cell 3:2$", run.out, re.MULTILINE)


# --- the program ---------------------------------------------------------------------------------------------------


def test_cells_run_in_their_order(run: Run) -> None:
    loss, right = "criterion(net(torch.rand(4, 8)), y)", "net = nn.Sequential(nn.Linear(8, 1), nn.Sigmoid())"
    wrong = "net = nn.Linear(8, 1)"
    target = "y = torch.rand(4, 1).round()"
    write("a.ipynb", IMPORTS, target, LOSS, right, loss, wrong, loss, right, loss)
    assert run("a.ipynb") == ["a.ipynb:cell 7:1:1 TL101"]


def test_a_notebook_imports_modules_and_is_not_imported(run: Run) -> None:
    Path("models.py").write_text("from torch import nn\n\n\ndef make():\n    return nn.Linear(8, 1)\n")
    write("a.ipynb", IMPORTS, "from models import make", NET.replace("nn.Linear(8, 1)", "make()"), LOSS, CALL)
    write("b.ipynb", IMPORTS, NET)
    Path("c.py").write_text(f"{IMPORTS}\nfrom b import net, y\n{LOSS}\n{CALL}\n")
    assert run() == ["a.ipynb:cell 5:1:1 TL101"]


@pytest.mark.parametrize(
    "magic",
    [
        "%matplotlib inline",
        "!pip install torch",
        "!pip install \\\n    torch \\\n    vision",
        "cd ..",
        "torch?",
        "if torch:\n    !ls\nelse:\n    %cd x",
        "files = !ls",
        "await torch.rand(3)",
        "%%bash\nexport x=(3",
        "  a = 3\n  b = 4",
        "",
    ],
)
def test_magics_are_survived(run: Run, magic: str) -> None:
    write("a.ipynb", magic, IMPORTS, f"{magic}\n{NET}" if not magic.startswith(("%%", " ")) else NET, magic, LOSS, CALL)
    assert run("a.ipynb") == ["a.ipynb:cell 6:1:1 TL101"]


@pytest.mark.parametrize("binding", ["net = !make", "net = %magic x", "net = (", "print 'net'\nnet = 3", "def net(:"])
def test_what_a_magic_or_a_broken_cell_binds_is_unknown(run: Run, binding: str) -> None:
    write("a.ipynb", IMPORTS, NET, LOSS, binding, CALL)
    assert [line for line in run("a.ipynb") if "TL001" not in line] == []


def test_timed_code_is_code(run: Run) -> None:
    write("a.ipynb", IMPORTS, NET, LOSS, f"%%time\n{CALL}", f"%time {CALL}", f"x = %time {CALL}")
    assert run("a.ipynb") == [
        "a.ipynb:cell 4:2:1 TL101",
        "a.ipynb:cell 5:1:7 TL101",
        "a.ipynb:cell 6:1:11 TL101",
    ]


def test_a_broken_cell_costs_that_cell(run: Run) -> None:
    write("a.ipynb", IMPORTS, "x = 3\nprint 'x'", "this is some prose", NET, LOSS, CALL)
    assert run("a.ipynb") == [
        "a.ipynb:cell 2:2:1 TL001",
        "a.ipynb:cell 3:1:14 TL001",
        "a.ipynb:cell 6:1:1 TL101",
    ]
    assert "this looks like Python 2" in run.out
    assert run("--ignore", "TL001", "a.ipynb") == ["a.ipynb:cell 6:1:1 TL101"]


def test_comments_silence_in_cells(run: Run) -> None:
    write("a.ipynb", IMPORTS, NET, LOSS, f"{CALL}  # noqa: TL101", f"{CALL}  # torchlint: ignore[TL101] so", CALL)
    assert run("a.ipynb") == ["a.ipynb:cell 6:1:1 TL101"]
    write("a.ipynb", IMPORTS, NET, LOSS, CALL, "print 'x'\n# torchlint: ignore-file[TL1]")
    assert run("a.ipynb") == ["a.ipynb:cell 5:1:1 TL001"]
    write("a.ipynb", IMPORTS, NET, LOSS, CALL, "# torchlint: ignore-file")
    assert run("a.ipynb") == []


def test_what_is_switched_off_is_on_again_in_the_next_cell(run: Run) -> None:
    off, on = "# torchlint: off\n", "\n# torchlint: on\n"
    write("a.ipynb", IMPORTS, NET, LOSS, off + CALL, CALL, off + CALL + on + CALL, "x = 1\n" + off, CALL)
    assert run() == [
        "a.ipynb:cell 5:1:1 TL101",
        "a.ipynb:cell 6:4:1 TL101",
        "a.ipynb:cell 7:2:1 TL002",
        "a.ipynb:cell 8:1:1 TL101",
    ]


def test_comments_without_effect_are_found_in_cells_and_fences(run: Run) -> None:
    write("a.ipynb", IMPORTS, "x = 1", "%cd x\nx = 3  # noqa: TL101")
    Path("a.md").write_text("* Text\n\n  ```python\n  import torch  # torchlint: ignore[TL101]\n  ```\n")
    assert run("--markdown") == ["a.ipynb:cell 3:2:8 TL002", "a.md:4:17 TL002"]
    for one, before in zip(run.json("--markdown"), ("  # noqa: TL101", "  # torchlint: ignore[TL101]")):
        path = Path(one["filename"])
        raw = path.read_bytes()
        assert edited(path.name, raw, edits_of(one)) == raw.replace(before.encode(), b"")


def test_settings_of_a_folder_hold_for_its_documents(run: Run) -> None:
    Path("torchlint.toml").write_text('markdown = true\n[per-file-ignores]\n"*.ipynb" = ["TL1"]\n"b.md" = ["TL101"]\n')
    write("a.ipynb", IMPORTS, NET, LOSS, CALL)
    for name in ("b.md", "c.md"):
        Path(name).write_text("```py\n" + "\n".join([IMPORTS, NET, LOSS, CALL]) + "\n```\n")
    assert run() == ["c.md:7:1 TL101"]


# --- files ---------------------------------------------------------------------------------------------------------


def old(*sources: str) -> dict[str, Any]:
    cells = [{"cell_type": "code", "language": "python", "input": source, "outputs": []} for source in sources]
    return {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": cells}]}


WAYS = {
    "indented": json.dumps(notebook(IMPORTS, NET, LOSS, CALL), indent=1),
    "on one row": json.dumps(notebook(IMPORTS, NET, LOSS, CALL)),
    "old": json.dumps(old(IMPORTS, NET, LOSS, CALL)),
    "carriage returns": json.dumps(notebook(*(one.replace("\n", "\r\n") for one in (IMPORTS, NET, LOSS, CALL)))),
    "byte order mark": "\ufeff" + json.dumps(notebook(IMPORTS, NET, LOSS, CALL)),
    "huge numbers": json.dumps(notebook(IMPORTS, NET, LOSS, CALL, x=0)).replace('"x": 0', '"x": ' + "9" * 9999),
    "doubled keys": '{"cells": [], ' + json.dumps(notebook(IMPORTS, NET, LOSS, CALL))[1:],
    "another encoding": json.dumps(notebook(f"# -*- coding: latin-1 -*-\n{IMPORTS}", "'é'", NET + "\n" + LOSS, CALL)),
    "odd characters": json.dumps(notebook(f"{IMPORTS}  # \u2028 \x0c 😀", NET, LOSS, CALL), ensure_ascii=False),
}


@pytest.mark.parametrize("text", WAYS.values(), ids=WAYS)
def test_all_ways_to_write_a_notebook(run: Run, text: str) -> None:
    Path("a.ipynb").write_text(text, encoding="utf-8")
    assert run("a.ipynb") == ["a.ipynb:cell 4:1:1 TL101"]


@pytest.mark.parametrize(
    "raw",
    [
        b'["torch"]',
        b'{"torch": 3}',
        b'{"torch": ',
        b'"torch" \xff',
        b"torch\0",
        b"[" * 99999 + b"torch",
        b'{"cells": "torch"}',
        b"import torch\n",
    ],
    ids=range(8),
)
def test_what_is_no_notebook_is_said_to_be_none(run: Run, raw: bytes) -> None:
    Path("a.ipynb").write_bytes(raw)
    Path("b.py").write_text(f"{IMPORTS}\n{NET}\n{LOSS}\n{CALL}\n")
    assert run() == ["a.ipynb:1:1 TL001", "b.py:6:1 TL101"]
    assert "this is no notebook: " in run.out
    assert run.status == 1


@pytest.mark.parametrize("odd", ["x = '\0'", "x = '\ud800'", "x = " + "(" * 999, "x = " + "-" * 9999 + "1"])
def test_odd_cells_cost_themselves(run: Run, odd: str) -> None:
    write("a.ipynb", IMPORTS, odd, NET, LOSS, CALL)
    lines = run("a.ipynb")
    assert [line.rpartition(" ")[2] for line in lines] == ["TL001", "TL101"]
    assert lines[0].startswith("a.ipynb:cell 2:1:")


def test_other_languages_are_silent(run: Run) -> None:
    write("a.ipynb", "library(torch)\nx <- (", metadata={"kernelspec": {"name": "ir", "language": "R"}})
    assert run("a.ipynb") == []
    assert run.status == 0


def test_what_mentions_no_framework_is_not_read(run: Run) -> None:
    Path("a.ipynb").write_text("[")
    write("b.ipynb", "print 'x'")
    assert run() == []


def test_a_notebook_without_cells(run: Run) -> None:
    write("a.ipynb", metadata={"title": "torch"})
    assert run("a.ipynb") == []


# --- fixes ---------------------------------------------------------------------------------------------------------


def edits_of(finding: Any, index: int = 0) -> list[Edit]:
    """The edits of a fix in the JSON output."""
    return [
        Edit(
            Span(one["filename"], Location(**one["location"]), Location(**one["end_location"]), one.get("cell") or 0),
            one["content"],
        )
        for one in finding["fixes"][index]["edits"]
    ]


@pytest.mark.parametrize("name", ["indented", "on one row", "old", "byte order mark", "doubled keys"])
def test_fixes_are_made_in_cells(run: Run, name: str) -> None:
    Path("a.ipynb").write_text(WAYS[name])
    raw = Path("a.ipynb").read_bytes()
    (finding,) = run.json("a.ipynb")
    changed = edited("a.ipynb", raw, edits_of(finding))
    assert changed == raw.replace(b"nn.BCELoss", b"nn.BCEWithLogitsLoss")
    Path("a.ipynb").write_bytes(changed)
    assert run("a.ipynb") == []


def test_a_changed_notebook_is_valid(run: Run) -> None:
    write("a.ipynb", "%matplotlib inline\n" + IMPORTS, NET, LOSS, CALL)
    (finding,) = run.json("a.ipynb")
    changed = edited("a.ipynb", Path("a.ipynb").read_bytes(), edits_of(finding))
    assert changed is not None
    nbformat.validate(nbformat.reads(changed.decode(), as_version=4))  # type: ignore[no-untyped-call]


def test_a_missing_import_goes_below_those_of_its_notebook(run: Run) -> None:
    imports = "import torch.nn\nfrom torch.nn import BCELoss, Linear"
    rest = "net = Linear(8, 1)\nBCELoss()(net(torch.rand(4, 8)), torch.rand(4, 1).round())"
    write("a.ipynb", "%load_ext autoreload", imports, rest)
    (finding,) = run.json("a.ipynb")
    changed = edited("a.ipynb", Path("a.ipynb").read_bytes(), edits_of(finding))
    assert changed is not None
    sources = ["".join(cell["source"]) for cell in json.loads(changed)["cells"]]
    assert sources[0] == "%load_ext autoreload"
    assert "BCEWithLogitsLoss" in sources[2]
    Path("a.ipynb").write_bytes(changed)
    assert run("a.ipynb") == []


def test_what_would_break_a_cell_is_not_made() -> None:
    raw = json.dumps(notebook(IMPORTS, NET)).encode()
    span = Span("a.ipynb", Location(1, 7), Location(1, 9), 2)
    assert edited("a.ipynb", raw, [Edit(span, "(")]) is None
    assert edited("a.ipynb", raw, [Edit(Span("a.ipynb", Location(1, 7), Location(1, 9), 3), "x")]) is None
    assert edited("a.ipynb", b"{}", [Edit(span, "x")]) is None


# --- Markdown ------------------------------------------------------------------------------------------------------

README = """\
# Torch

* Wrong:

  ```python
  import torch
  from torch import nn

  net = nn.Linear(8, 1)
  criterion = nn.BCELoss()
  criterion(net(torch.rand(4, 8)), torch.rand(4, 1).round())
  ```

> ~~~{python}
> >>> import torch
> >>> from torch import nn
> >>> net = nn.Sequential(nn.Linear(8, 4),
> ...                     nn.Linear(3, 1))
> >>> net(torch.rand(4, 8))
> tensor([[0.1]])
> ~~~

```console
$ python -c 'import torch; nn.BCELoss()(nn.Linear(8, 1)(x), y)'
```

``` py
import torch, (
```
"""


def test_markdown_is_read_where_that_is_wanted(run: Run) -> None:
    Path("README.md").write_text(README)
    assert run() == []
    assert run("--markdown") == ["README.md:11:3 TL101", "README.md:19:7 TL301"]
    assert run("README.md") == ["README.md:11:3 TL101", "README.md:19:7 TL301"]


def test_fixes_are_made_in_fences(run: Run) -> None:
    Path("README.md").write_text(README)
    (finding, _) = run.json("README.md")
    changed = edited("README.md", README.encode(), edits_of(finding))
    assert changed == README.replace("nn.BCELoss", "nn.BCEWithLogitsLoss", 1).encode()
    assert (
        edited("README.md", README.encode(), [Edit(Span("README.md", Location(10, 3), Location(10, 4)), "(")]) is None
    )


def test_a_missing_import_goes_into_its_fence(run: Run) -> None:
    body = ["from torch import rand", "from torch.nn import BCELoss, Linear", ""]
    body += ["BCELoss()(Linear(8, 1)(rand(4, 8)), rand(4, 1).round())"]
    text = "\n".join(["1. So", "   ```py", *(f"   {row}".rstrip() for row in body), "   ```", ""])
    Path("a.md").write_text(text)
    (finding,) = run.json("a.md")
    changed = edited("a.md", text.encode(), edits_of(finding))
    assert changed is not None
    Path("a.md").write_bytes(changed)
    assert run("a.md") == []
    expected = text.replace("Linear\n", "Linear\n   from torch.nn import BCEWithLogitsLoss\n")
    assert changed.decode() == expected.replace("   BCELoss", "   BCEWithLogitsLoss")


def test_a_missing_import_gets_a_prompt(run: Run) -> None:
    text = "```pycon\n>>> from torch.nn import BCELoss, Linear\n>>> import torch\n>>> x, y = torch.rand(4, 8), 0.5\n"
    text += ">>> BCELoss()(Linear(8, 1)(x), torch.rand(4, 1).round())\n0.3\n```\n"
    Path("a.md").write_text(text)
    (finding,) = run.json("a.md")
    changed = edited("a.md", text.encode(), edits_of(finding))
    expected = text.replace("import torch\n", "import torch\n>>> from torch.nn import BCEWithLogitsLoss\n")
    assert changed == expected.replace(">>> BCELoss", ">>> BCEWithLogitsLoss").encode()


def test_each_fence_is_a_module_of_its_own(run: Run) -> None:
    blocks = [IMPORTS, NET, f"{LOSS}\n{CALL}"]
    Path("a.md").write_text("".join(f"```python\n{block}\n```\n\n" for block in blocks))
    assert run("a.md") == []
    Path("a.md").write_text("```python\n" + "\n".join(blocks) + "\n```\n")
    assert run("a.md") == ["a.md:7:1 TL101"]


def test_a_fence_imports_from_the_folder_of_its_file(run: Run) -> None:
    Path("docs").mkdir()
    Path("docs/models.py").write_text("from torch import nn\n\n\ndef make():\n    return nn.Linear(8, 1)\n")
    block = "\n".join([IMPORTS, "from models import make", NET.replace("nn.Linear(8, 1)", "make()"), LOSS, CALL])
    Path("docs/use.md").write_text(f"Text\n\n```python\n{block}\n```\n")
    assert run("--markdown") == ["docs/use.md:10:1 TL101"]


@pytest.mark.parametrize(
    "text",
    [
        "```python\ntorch",
        "```python\n```\ntorch",
        "``` python\n\0torch\n```",
        "> ```py\ntorch\n",
        "\ufeff```py\n# torch",
    ],
    ids=range(5),
)
def test_odd_markdown_is_survived(run: Run, text: str) -> None:
    Path("a.md").write_text(text)
    assert run("a.md") == []
    assert run.status == 0


def places(findings: Sequence[Any]) -> list[tuple[str, int, int]]:
    return [(one["filename"], one["location"]["row"], one["location"]["column"]) for one in findings]


def test_the_order_of_the_output_is_that_of_the_files(run: Run) -> None:
    block = "\n".join([IMPORTS, NET, LOSS, CALL])
    Path("b.md").write_text("".join(f"```python\n{block}\n```\n\n" for _ in range(12)))
    write("a.ipynb", IMPORTS, NET, LOSS, *([CALL] * 12))
    found = places(run.json("--markdown"))
    assert [name for name, _, _ in found] == ["a.ipynb"] * 12 + ["b.md"] * 12
    assert [row for name, row, _ in found if name == "b.md"] == sorted(row for name, row, _ in found if name == "b.md")
