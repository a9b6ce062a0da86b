"""How deeply a text can be nested, and a stack that is large enough for it.

Definitions
    link      one step down in a tree: a bracket, an operator, a dot, …
    depth     the most links that can be open at once; never less than the depth of the real tree
    chunk     lines with no empty line between them

Worked example: ``bounds("x = f(a + b)[0]")`` is 1 bracket and 3 links: ``=``, the first bracket, and ``+`` inside it
(or the second bracket after it).

libcst's parser recurses in native code with no limit of its own. Measured on x86-64: a bracket takes 6.6 KB of stack, a
link of a chain at most 2.4 KB; and the time for a chain grows with the square of its length (1,000 calls in a row take
0.3 s, 5,000 take 17 s). A process that runs out of native stack dies, so a text is bounded before it is parsed: by its
length if it is small, else by reading its tokens.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

# CPython refuses 200 nested brackets, and its compiler gives up on chains of about this length.
MOST_BRACKETS = 200
LONGEST_CHAIN = 1000

_KILO = 1024
_BASE = 4 * 1024 * _KILO
_BRACKET = 12 * _KILO
_LINK = 4 * _KILO
_CHARACTER = 2 * _KILO
_LARGEST_STACK = 256 * 1024 * _KILO

_LARGE_CHUNK = 4000
_MANY_CONTINUATIONS = 300
_CONTINUATION = re.compile(r"\n[ \t]*[.+*/%@&|^(\[-]")

# The time for a `case` doubles with each bracket of its pattern, and grows fourfold with each brace: this takes 10 ms.
_PATTERN_WEIGHT = 12
_CASE = re.compile(r"^[ \t\f]*case\b", re.MULTILINE)
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"()[]{}")
_ROUND = bytes.maketrans(b"[]{}", b"()()")

_TOKEN = r"""
  \#[^\r\n]*
| (?P<prefix>[A-Za-z]{0,2})
  (?P<body>"{3}(?:[^"\\]|\\.|"(?!""))*(?:"{3}|\Z) | '{3}(?:[^'\\]|\\.|'(?!''))*(?:'{3}|\Z)
          | "(?:[^"\\\r\n]|\\.)*"? | '(?:[^'\\\r\n]|\\.)*'?)
| (?P<newline>\\?(?:\r\n|\r|\n))
| (?P<open>[(\[{])
| (?P<close>[)\]}])
| (?P<reset>[,;])
| (?P<link>[-+*/%@&|^~.<>=!:]+ | \b(?:not|if|else|lambda|and|or|in|is|for|await)\b)
| \w+
"""
_FIELD = r"\{\{|\}\}|[{}]"
_LINKS = r"[-+*/%@&|^~.<>=!:(\[{'\"]|\b(?:not|if|else|lambda|and|or|in|is|for|await)\b"


def needed_stack(text: str) -> int | None:
    """How many bytes of stack the parser may need for `text`; None if it is nested deeper than Python allows."""
    brackets = _bracket_bound(text)
    if brackets > _PATTERN_WEIGHT // 2 and _has_heavy_pattern(text):
        return None
    need = _BASE + _BRACKET * min(brackets, MOST_BRACKETS) + _CHARACTER * len(text)
    if brackets <= MOST_BRACKETS and need <= _LARGEST_STACK and not _has_long_chain(text):
        return need
    brackets, chain, strings = bounds(text)
    if brackets > MOST_BRACKETS or chain > LONGEST_CHAIN:
        return None
    need = _BASE + _BRACKET * brackets + _LINK * (chain + strings + text.count("elif"))
    return need if need <= _LARGEST_STACK else None


def run_with_stack(size: int, work: Callable[[], T]) -> T:
    """The result of `work` on a thread whose stack has `size` bytes. What it raises is raised here.

    Raises MemoryError if the system gives no such stack.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    with _STARTING:
        before = threading.stack_size(-(-size // 4096) * 4096)
        try:
            thread = threading.Thread(target=run, name="torchlint-parse", daemon=True)
            thread.start()
        except RuntimeError as error:
            raise MemoryError("no thread with a large stack could be started") from error
        finally:
            threading.stack_size(before)
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


_STARTING = threading.Lock()


def _bracket_bound(text: str) -> int:
    """At least the depth of nested brackets, those of strings and comments included: a few passes at C speed."""
    brackets = text.encode("utf-8", "replace").translate(_ROUND, _NOT_BRACKETS)
    passes = 0
    while passes <= MOST_BRACKETS:
        shorter = brackets.replace(b"()", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
        passes += 1
    return passes + brackets.count(b"(")


def _has_long_chain(text: str) -> bool:
    """Whether some chunk, read by itself, looks like a long chain. A guess, to save time: not what prevents a crash."""
    if len(_CONTINUATION.findall(text)) > _MANY_CONTINUATIONS:
        return True
    empty = "\r\n\r\n" if "\r\n" in text else "\n\n"
    return any(len(chunk) > _LARGE_CHUNK and bounds(chunk)[1] > LONGEST_CHAIN // 2 for chunk in text.split(empty))


def _tokens(text: str, start: int = 0) -> Iterator[re.Match[str]]:
    """The tokens of `_TOKEN` that matter here. Small texts are never read like this, so the pattern is not compiled
    before it is used."""
    return re.compile(_TOKEN, re.VERBOSE | re.DOTALL).finditer(text, start)


def _has_heavy_pattern(text: str) -> bool:
    """Whether a ``case`` nests its pattern so deeply that the parser, exponential there, would not come back."""
    for case in _CASE.finditer(text):
        weights: list[int] = []
        for match in _tokens(text, case.end()):
            kind = match.lastgroup
            if kind == "open":
                weights.append(2 if match.group() == "{" else 1)
                if sum(weights) > _PATTERN_WEIGHT:
                    return True
            elif kind == "close" and weights:
                weights.pop()
            elif kind == "newline" and not weights:
                break
    return False


def bounds(text: str) -> tuple[int, int, int]:
    """The deepest nesting of brackets, the depth in links (brackets and all), and the most adjacent strings.

    Adjacent strings are counted apart, because tables of thousands of them are written and parse in linear time.
    """
    deepest = longest = strings = run = 0
    links = [0]
    total = 0
    for match in _tokens(text):
        kind = match.lastgroup
        if kind is None:
            continue
        if kind == "newline":
            if len(links) > 1 or match.group().startswith("\\"):
                continue  # the statement goes on
            total = links[0] = 0
        elif kind == "reset":
            total -= links[-1]
            links[-1] = 0
        elif kind == "close":
            if len(links) > 1:
                total -= links.pop()
        elif kind == "body":
            run += 1
            strings = max(strings, run)
            if set(match.group("prefix")) & set("fFtT"):
                inner, depth = _field_bounds(match.group())
                longest = max(longest, total + inner)
                deepest = max(deepest, len(links) - 1 + depth)
            continue
        else:
            mark = match.group()
            step = len(mark) if kind == "link" and mark[0] in "-+~:" else 1
            links[-1] += step
            total += step
            longest = max(longest, total)
            if kind == "open":
                links.append(0)
                deepest = max(deepest, len(links) - 1)
        run = 0
    return deepest, longest, strings


def _field_bounds(string: str) -> tuple[int, int]:
    """The most links, and the most brackets, in one replacement field of an f-string."""
    depth = links = brackets = start = 0
    for match in re.finditer(_FIELD, string):
        mark = match.group()
        if depth == 0 and len(mark) == 2:
            continue
        if mark[0] == "{":
            if depth == 0:
                start = match.start()
            depth += len(mark)
        else:
            depth = max(0, depth - len(mark))
        if depth == 0 or match.end() == len(string):
            field = string[start : match.end()]
            links = max(links, sum(1 for _ in re.finditer(_LINKS, field)))
            brackets = max(brackets, _bracket_bound(field))
    if depth:
        links = max(links, sum(1 for _ in re.compile(_LINKS).finditer(string, start)))
        brackets = max(brackets, _bracket_bound(string[start:]))
    return links, brackets
