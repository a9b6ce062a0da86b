"""What README shows is what torchlint does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from markdown_it import MarkdownIt

from torchlint.config import Settings, with_values
from torchlint.flow.library.tables import read_table

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def torchlint(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "torchlint", *words], cwd=ROOT, capture_output=True)
    return done.stdout.decode() + done.stderr.decode()


def blocks(language: str) -> list[str]:
    tokens = MarkdownIt("commonmark").parse(README)
    return [token.content for token in tokens if token.type == "fence" and token.info == language]


def test_the_demo_says_what_is_shown() -> None:
    shown = next(block for block in blocks("console") if block.startswith("$ torchlint fixtures/demo\n"))
    assert torchlint("fixtures/demo") == shown.partition("\n")[2]


def test_the_frame_is_what_is_shown() -> None:
    frame = next(block for block in blocks("") if " --> " in block)
    assert frame.rstrip() in torchlint("--output-format", "full", "fixtures/demo")


def test_the_configuration_is_valid() -> None:
    keys = next(block for block in blocks("toml") if "[tool.torchlint]" in block)
    lines = [line for line in keys.splitlines()[1:] if not line.startswith("extend =")]
    assert with_values(Settings(), "\n".join(lines), "README.md").select == ("TL1", "TL4")


def test_the_contract_is_valid() -> None:
    contract = next(block for block in blocks("toml") if block.startswith("[[loss]]"))
    assert len(list(read_table(contract.encode(), "README.md"))) == 1
