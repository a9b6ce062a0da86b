"""Two contents of a file as a unified diff: for programs byte by byte, for a terminal as text that is safe to show."""

from __future__ import annotations

import difflib

from torchlint.report.text import Paint, visible

_NO_END = b"\\ No newline at end of file\n"
_STYLES = {"+": "added", "-": "removed", "@": "hunk"}


def unified(path: str, old: bytes, new: bytes) -> bytes:
    """The diff, which `patch` and `git apply -p0` can apply, whatever the encoding and the line ends."""
    name = visible(path).encode("utf-8", "backslashreplace")
    name += b"\t" if b" " in name else b""  # without it, `patch` would take the name to end at the first space
    lines = difflib.diff_bytes(difflib.unified_diff, _lines(old), _lines(new), name, name)
    return b"".join(line if line.endswith(b"\n") else line + b"\n" + _NO_END for line in lines)


def shown(diff: bytes, encoding: str, paint: Paint) -> str:
    """A diff as it is shown on a terminal; `encoding`: that of the file."""
    out: list[str] = []
    for number, line in enumerate(diff.decode(encoding, "replace").split("\n")[:-1]):
        text = "\t".join(visible(part) for part in line.removesuffix("\r").split("\t"))
        style = "bold" if number < 2 else _STYLES.get(line[:1])
        out.append((paint(style, text) if style else text) + "\n")
    return "".join(out)


def _lines(data: bytes) -> list[bytes]:
    """Lines as other tools count them: a CR belongs to the text."""
    lines = data.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
