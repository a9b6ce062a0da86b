"""A rule's page, as it is and in one line."""

from __future__ import annotations

import io


def explain(page: str, *, colour: bool, width: int) -> str:
    """The page for the terminal: rendered where colours are wanted, otherwise as it was written."""
    if not colour:
        return page.rstrip("\n") + "\n"
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(file=io.StringIO(), force_terminal=True, width=min(width, 110))
    console.print(Markdown(page))
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()


def summary(page: str) -> str:
    """The sentence below a page's title; empty if there is none."""
    paragraphs = [" ".join(part.split()) for part in page.replace("\r\n", "\n").split("\n\n")]
    below = [part for part in paragraphs[1:] if part]
    return below[0] if below and not below[0].startswith("#") else ""


def section(page: str, title: str) -> str:
    """What a page says below a heading of the second level, up to the next; empty if there is none."""
    _, found, below = f"\n{page}".replace("\r\n", "\n").partition(f"\n## {title}\n")
    return below.partition("\n## ")[0].strip() if found else ""
