"""The whole way with a real process: from the command line to a verdict, with nothing else of the project run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.frontends.confirming import PROGRAM, Torchlint, home, project, torchlint

__all__ = ["home", "project", "torchlint"]

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="nothing is run elsewhere")
#: The least isolation, so that these tests run where the kernel holds less than everything.
RUN = ("--confirm", "--confirm-isolation=basic", "--output-format=json")


def verdicts(torchlint: Torchlint, *words: str) -> list[dict[str, object]]:
    done = torchlint(*RUN, *words)
    assert done.status == 1, done.err
    return [one["verdict"] for one in json.loads(done.out)]


def test_a_finding_is_confirmed_and_nothing_else_is_run(torchlint: Torchlint, project: Path) -> None:
    (one,) = verdicts(torchlint)
    assert (one["outcome"], one["grade"], one["reason"]) == ("confirmed", "witness", "outside")
    assert one["recipe"] == "Net (train.py:14)"
    assert one["isolation"] in ("basic", "strong")
    assert sorted(path.name for path in project.iterdir()) == [".git", "train.py"]


def test_a_model_of_another_file_in_another_folder(
    torchlint: Torchlint, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, _, tail = PROGRAM.partition("\n\nnet = ")
    (project / "src" / "kit").mkdir(parents=True)
    (project / "src" / "kit" / "__init__.py").touch()
    (project / "src" / "kit" / "net.py").write_text(f"{head}\n\nopen('written', 'w')\n")
    (project / "src" / "train.py").write_text(
        f"import torch\nfrom torch import nn\nfrom kit.net import Net\n\nnet = {tail}"
    )
    (project / "train.py").unlink()
    monkeypatch.chdir(project / "src")
    (one,) = verdicts(torchlint, ".")
    assert one["outcome"] == "confirmed"
    assert not list(project.rglob("written"))


def test_what_is_in_a_notebook(torchlint: Torchlint, project: Path) -> None:
    cell: dict[str, object] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [{**cell, "source": "%time x = 1\n"}, {**cell, "source": PROGRAM}]
    metadata = {"language_info": {"name": "python"}}
    (project / "book.ipynb").write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4}))
    (project / "train.py").unlink()
    (one,) = verdicts(torchlint)
    assert one["outcome"] == "confirmed"
    assert one["recipe"] == "Net (book.ipynb:cell 2:14)"
    assert "; Net (book.ipynb:cell 2:14); " in str(one["text"])
    assert not (project / "written").exists()
    shown = torchlint("--confirm-explain").out
    assert "model: Net, constructed at book.ipynb:cell 2:14:7\n" in shown


def test_what_is_in_markdown(torchlint: Torchlint, project: Path) -> None:
    (project / "train.py").unlink()
    (project / "book.md").write_text(f"# A net\n\n```python\n{PROGRAM}```\n")
    (one,) = verdicts(torchlint, "book.md")
    assert (one["outcome"], one["recipe"]) == ("confirmed", "Net (book.md:17)")


def test_a_hint_of_the_configuration_makes_an_argument_known(torchlint: Torchlint, project: Path) -> None:
    """Without it the width comes from a file that is not read."""
    text = PROGRAM.replace("Net(8)", "Net(int(input()))").replace("(4, 8)", "(4, width)")
    (project / "train.py").write_text(text.replace("net = ", "width = int(input())\nnet = "))
    (without,) = verdicts(torchlint)
    (project / "torchlint.toml").write_text(
        '[confirm.arguments]\n"train.py:Net" = {width = 8}\n[confirm.inputs]\n"train.py:Net" = [[4, 8]]\n'
    )
    (with_hint,) = verdicts(torchlint)
    assert (without["outcome"], with_hint["outcome"]) == ("inconclusive", "confirmed")
