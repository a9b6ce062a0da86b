"""Reads rule pages: headings, and the blocks of code below them, with what they expect.

A block is one project. A line ``# file: model.py`` starts a file of it; without one the whole is ``example.py``.
``# error: "part"`` at the end of a line expects a finding that begins there and says that; several quoted parts
expect several. ``# todo error`` marks a line where a finding is missing and known to be. A block that shows what a fix
makes of another says behind ``python`` whether the fix is ``safe`` or ``unsafe``.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

REQUIRED = ("Why it matters", "Bad", "Good", "Silent on")
ORDER = ("Why it matters", "Bad", "Good", "Fix", "Silent on", "Known misses", "Confirm", "References")

_FILE = re.compile(r"# file: (\S+)")
_ERROR = re.compile(r"#\s*error:(?P<parts>(?:\s*\"[^\"]*\")+)$")
_TODO = re.compile(r"#\s*todo error\b")


@dataclass(frozen=True)
class Block:
    """A block of Python below a heading; `line` is that of its fence in the page, `word` stands behind ``python``."""

    section: str
    line: int
    text: str
    word: str = ""

    @property
    def files(self) -> dict[str, str]:
        """The files of the block, by path."""
        names, parts = ["example.py"], [""]
        for line in self.text.splitlines(keepends=True):
            marked = _FILE.fullmatch(line.rstrip())
            if marked is None:
                parts[-1] += line
            elif parts == [""]:
                names = [marked[1]]
            else:
                names.append(marked[1])
                parts.append("")
        if len(set(names)) != len(names):
            raise ValueError(f"line {self.line}: a file stands twice in one block")
        return dict(zip(names, parts, strict=True))

    def errors(self) -> list[tuple[str, int, str]]:
        """File, row and part of the message of each expected finding."""
        return [
            (path, row, part)
            for path, row, comment in self._comments()
            if (found := _ERROR.search(comment))
            for part in re.findall(r'"([^"]*)"', found["parts"])
        ]

    def without_marks(self) -> dict[str, str]:
        """The files without their marks, as a person would have them."""
        return {
            path: re.sub(r"[ ]*# error:(?:[ ]*\"[^\"\n]*\")+$", "", text, flags=re.MULTILINE)
            for path, text in self.files.items()
        }

    def todos(self) -> list[tuple[str, int]]:
        """File and row of each finding that is known to be missing."""
        return [(path, row) for path, row, comment in self._comments() if _TODO.search(comment)]

    def strays(self) -> list[str]:
        """Comments that look like an expectation and are none."""
        return [
            comment
            for _, _, comment in self._comments()
            if re.match(r"#\s*(todo\s+)?errors?\b", comment) and not (_ERROR.search(comment) or _TODO.search(comment))
        ]

    def _comments(self) -> Iterator[tuple[str, int, str]]:
        for path, text in self.files.items():
            for token in tokenize.generate_tokens(io.StringIO(text).readline):
                if token.type == tokenize.COMMENT:
                    yield path, token.start[0], token.string


@dataclass(frozen=True)
class Page:
    """A rule's page: its title, the sentence below it, its second-level headings and its blocks, in order."""

    path: Path
    title: str
    sentence: str
    headings: tuple[str, ...]
    blocks: tuple[Block, ...]

    def below(self, *sections: str) -> list[Block]:
        """The blocks below these headings."""
        return [block for block in self.blocks if block.section in sections]


def read(path: Path) -> Page:
    """Parse a page."""
    tokens = MarkdownIt("commonmark").parse(path.read_text(encoding="utf-8"))
    title = sentence = section = ""
    headings: list[str] = []
    blocks: list[Block] = []
    for index, token in enumerate(tokens):
        content = tokens[index + 1].content if index + 1 < len(tokens) else ""
        if token.type == "heading_open" and token.tag == "h1":
            title = content
        elif token.type == "heading_open" and token.tag == "h2":
            section = content
            headings.append(content)
        elif token.type == "paragraph_open" and not section and not sentence:
            sentence = " ".join(content.split())
        elif token.type == "fence" and token.info.split()[:1] == ["python"]:
            word = " ".join(token.info.split()[1:])
            blocks.append(Block(section, (token.map or [0])[0] + 1, token.content, word))
    return Page(path, title, sentence, tuple(headings), tuple(blocks))
