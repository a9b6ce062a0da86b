"""The keys of a configuration: one table, from which files and the command line are read, and the JSON schema and the
README's table are made.

Definitions
    key   one row of `KEYS`: its name in TOML, what its value may be, and what it means
    kind  what a value may be: it reads one that TOML or the command line gives, or says what is wrong, and has a schema

Worked example: ``KEYS["ignore"].kind.read(["TL101"], Place("lint"))`` is ``("TL101",)``; for ``"TL101"`` it raises
``Wrong("must be a list of strings, not "TL101"; write ["TL101"]")``.

**Invariant:** no key makes torchlint run code, write anything but fixes in linted files, or use more of the machine, so
that the configuration of a repository that is not one's own may be trusted with all of them. What would (folders of
rules, where output and cache go, how many processes there are) is an option of the command line only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from torchlint.config.values import Pattern, Settings
from torchlint.diagnostic import Severity

_MOST_SHOWN = 60


class Wrong(Exception):  # noqa: N818  a verdict, which the reader of a file turns into an error with a place
    """What is wrong with a value; `below` leads from the key to the part of the value that is wrong."""

    def __init__(self, problem: str, below: tuple[str | int, ...] = ()) -> None:
        super().__init__(problem)
        self.below = below


class Place(msgspec.Struct, frozen=True):
    """Where a value stands. Paths start in the folder `paths`, patterns in the folder `patterns`."""

    paths: str
    patterns: str = ""
    origin: str = ""
    prefix: str = ""


class Kind(msgspec.Struct, frozen=True):
    """What a value may be. `words` say so to people; `written` gives back the TOML value of a field's value."""

    words: str
    schema: Callable[[], Mapping[str, Any]]
    read: Callable[[Any, Place], Any]
    written: Callable[[Any], Any] = lambda value: list(value) if isinstance(value, tuple) else value


class Key(msgspec.Struct, frozen=True):
    """A key. `default` is how TOML would write what holds without it; `example` is a value that is right."""

    name: str
    kind: Kind
    words: str
    default: str
    example: str

    @property
    def field(self) -> str:
        """The field of `Settings`."""
        return self.name.replace("-", "_")


# --- kinds -------------------------------------------------------------------------------------------------------


def meant(word: str, words: Iterable[str]) -> str:
    """The end of a sentence about a wrong word: which was meant, or which there are."""
    from difflib import get_close_matches

    known = list(words)
    close = get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    return f"; did you mean `{close[0]}`?" if close else f"; there are {', '.join(f'`{one}`' for one in known)}"


def shown(value: Any) -> str:
    """A value as TOML writes it, cut short."""
    text = toml(value)
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + "".join(_character(one) for one in value) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items()) + "}"
    return str(value)


def _character(one: str) -> str:
    if one in '"\\':
        return "\\" + one
    return one if one.isprintable() else f"\\u{ord(one):04x}" if ord(one) < 65536 else f"\\U{ord(one):08x}"


def _list(value: Any, words: str) -> tuple[str, ...]:
    """A list of strings that are not empty."""
    if isinstance(value, str):
        raise Wrong(f"must be {words}, not {shown(value)}; write [{shown(value)}]")
    if not isinstance(value, list):
        raise Wrong(f"must be {words}, not {shown(value)}")
    for number, item in enumerate(value):
        if not isinstance(item, str):
            raise Wrong(f"must be {words}; {shown(item)} is none", (number,))
        if not item.strip():
            raise Wrong(f"must be {words}; one is empty", (number,))
    return tuple(value)


def _flag(value: Any, place: Place) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    close = {"1": "true", "yes": "true", "on": "true", "0": "false", "no": "false", "off": "false"}.get(word, word)
    raise Wrong(
        f"must be true or false, not {shown(value)}" + (f"; write {close}" if close in ("true", "false") else "")
    )


def _strings_schema() -> Mapping[str, Any]:
    return {"type": "array", "items": {"type": "string", "pattern": r"\S"}}


def _patterns(value: Any, place: Place) -> tuple[Pattern, ...]:
    return tuple(Pattern(item, place.patterns) for item in _list(value, "a list of patterns"))


def _per_file(value: Any, place: Place) -> tuple[tuple[Pattern, tuple[str, ...]], ...]:
    if not isinstance(value, dict):
        raise Wrong(f"must be a table of lists, not {shown(value)}")
    found = []
    for pattern, words in value.items():
        if not pattern.strip():
            raise Wrong("has a pattern that is empty", (pattern,))
        try:
            found.append((Pattern(pattern, place.patterns), _list(words, "a list of strings")))
        except Wrong as error:
            raise Wrong(f"for {shown(pattern)} {error}", (pattern, *error.below)) from error
    return tuple(found)


def _word(words: Mapping[str, Any]) -> Kind:
    def read(value: Any, place: Place) -> Any:
        if isinstance(value, str) and value in words:
            return words[value]
        close = meant(value, words) if isinstance(value, str) else ""
        close = close or f"; there are {', '.join(f'`{word}`' for word in words)}"
        raise Wrong(f"is no word that there is: {shown(value)}{close}")

    def written(value: Any) -> Any:
        return next(word for word, meaning in words.items() if meaning == value)

    named = [f"`{word}`" for word in words]
    shown_words = ", ".join([*named[:3], "…"]) if len(named) > 4 else ", ".join(named[:-1]) + " or " + named[-1]
    return Kind(shown_words, lambda: {"enum": list(words)}, read, written)


def _file(value: Any, place: Place) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise Wrong(f"must be the path of a file, not {shown(value)}")
    return os.path.join(place.paths, value) if place.paths not in ("", os.curdir) else value


def _contracts(value: Any, place: Place) -> Any:
    from torchlint.config.contracts import read

    return read(value, place)


def _contracts_schema() -> Mapping[str, Any]:
    from torchlint.config.contracts import schema

    return schema()


def _hints(value: Any, place: Place) -> Any:
    from torchlint.config.hints import read

    return read(value, place)


def _hints_schema() -> Mapping[str, Any]:
    from torchlint.config.hints import schema

    return schema()


def _hints_written(value: Any) -> Any:
    from torchlint.config.hints import written

    return written(value)


STRINGS = Kind("a list of strings", _strings_schema, lambda value, place: _list(value, "a list of strings"))
PATTERNS = Kind("a list of patterns", _strings_schema, _patterns, lambda value: [pattern.text for pattern in value])
PER_FILE = Kind(
    "a table of lists",
    lambda: {
        "type": "object",
        "propertyNames": {"pattern": r"\S"},
        "additionalProperties": _strings_schema(),
    },
    _per_file,
    lambda value: {pattern.text: list(words) for pattern, words in value},
)
FLAG = Kind("true or false", lambda: {"type": "boolean"}, _flag)
FILE = Kind("a path", lambda: {"type": "string", "pattern": r"\S"}, _file)
CONTRACTS = Kind("paths, or tables", _contracts_schema, _contracts, lambda value: [table.origin for table in value])
HINTS = Kind("a table", _hints_schema, _hints, _hints_written)

#: What `output-format` may be: the formats of the layer above, which a test compares.
FORMATS = (
    "concise", "full", "grouped", "json", "json-lines", "sarif", "github", "gitlab", "junit", "pylint", "rdjson", "lsp",
)  # fmt: skip

# --- the table ---------------------------------------------------------------------------------------------------

_ROWS = (
    Key("extend", FILE, "build on another file: its keys hold where this one does not give them", "", '"../lint.toml"'),
    Key("select", STRINGS, "run these rules only: codes, prefixes of codes, names, or `ALL`", "", '["TL1"]'),
    Key(
        "extend-select",
        STRINGS,
        "run these too, such as informative ones, which are off by default",
        "[]",
        '["TL121"]',
    ),
    Key("ignore", STRINGS, "do not run these; the longer one wins, and `ignore` wins a tie", "[]", '["TL2"]'),
    Key("extend-ignore", STRINGS, "nor these, beside what `ignore` says", "[]", '["TL103"]'),
    Key(
        "per-file-ignores",
        PER_FILE,
        "do not run these in files that match a pattern, or, after `!`, do not match it",
        "{}",
        '{"tests/" = ["TL1"]}',
    ),
    Key(
        "severity",
        _word({severity.value: severity for severity in (Severity.ERROR, Severity.WARNING, Severity.INFO)}),
        "the least severity that is shown",
        '"info"',
        '"warning"',
    ),
    Key(
        "exclude",
        PATTERNS,
        "pass over what matches, as in `.gitignore`, instead of the usual folders (`.git`, `.venv`, `build`, …)",
        "",
        '["old/"]',
    ),
    Key("extend-exclude", PATTERNS, "pass over these too", "[]", '["third_party/"]'),
    Key(
        "force-exclude",
        FLAG,
        "pass over what is excluded also where its path is named explicitly",
        "false",
        "true",
    ),
    Key(
        "respect-gitignore",
        FLAG,
        "pass over what git ignores",
        "true",
        "false",
    ),
    Key(
        "markdown",
        FLAG,
        "lint Python in the fences of Markdown files too",
        "false",
        "true",
    ),
    Key(
        "baseline",
        FILE,
        "pass over the findings that this [baseline](#baseline) lists",
        "",
        '"baseline.json"',
    ),
    Key(
        "output-format",
        _word({word: word for word in FORMATS}),
        "how findings are printed; the configuration of the working folder decides",
        "",
        '"concise"',
    ),
    Key("fix", FLAG, "make safe [fixes](#fixes); the configuration of the working folder decides", "false", "true"),
    Key("fix-only", FLAG, "the same, and report nothing of the rest", "false", "true"),
    Key("unsafe-fixes", FLAG, "take unsafe fixes for fixes too", "false", "true"),
    Key("fixable", STRINGS, "offer the fixes of these rules only", "", '["TL1"]'),
    Key("unfixable", STRINGS, "do not offer those of these; the longer one wins", "[]", '["TL107"]'),
    Key(
        "contracts",
        CONTRACTS,
        "what your own losses, heads and wrappers do: see [below](#teaching-it-your-code)",
        "[]",
        '["lint/ours.toml"]',
    ),
    Key(
        "confirm",
        HINTS,
        "what a project may say of [runs of its models](#confirm-by-running): `enabled = false`, `inputs`, `arguments`",
        "{}",
        '{enabled = false, inputs = {"models.py:Net" = [[2, 3, 32, 32]]}, arguments = {"models.py:Net" = {width = 8}}}',
    ),
)
KEYS: Mapping[str, Key] = {key.name: key for key in _ROWS}

#: What holds where nothing is said.
DEFAULTS = Settings()
