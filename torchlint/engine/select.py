"""Which rules speak: selectors are codes, prefixes of codes, names, or ``ALL``.

The longer matching selector wins, so that ``--select TL1 --ignore TL101`` and ``--ignore TL1 --select TL101`` both
mean what they say; on a tie `ignore` wins. What is ignored in a file stays silent there, however exactly a selector
asks for it, and so does what is milder than the least severity. Informative findings speak only where a selector asks
for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from torchlint.config import Settings
from torchlint.diagnostic import Severity
from torchlint.engine.builtin import BUILTINS, INTERNAL_ERROR, SYNTAX_ERROR

_NONE, _NAME = -1, 1000


class Named(Protocol):
    """Anything that a selector may mean."""

    @property
    def code(self) -> str:
        """Such as ``TL101``."""

    @property
    def name(self) -> str:
        """Such as ``bce-on-logits``."""


class Declared(Named, Protocol):
    """Anything that may be asked for."""

    @property
    def severity(self) -> Severity:
        """How bad what it finds is."""

    @property
    def on_by_default(self) -> bool:
        """Whether it speaks without being asked for."""


def shows(settings: Settings, code: str, name: str, severity: Severity) -> bool:
    """Whether a finding is wanted."""
    if code == INTERNAL_ERROR.code:
        return True
    if severity.mildness > settings.severity.mildness or _strength(settings.ignored_here, code, name) > _NONE:
        return False
    unwanted = _strength((*settings.ignore, *settings.extend_ignore), code, name)
    wanted = max(_strength(settings.select or (), code, name), _strength(settings.extend_select, code, name))
    if wanted > _NONE:
        return wanted > unwanted
    asked = code == SYNTAX_ERROR.code or (settings.select is None and severity is not Severity.INFO)
    return asked and unwanted == _NONE


def may_fix(settings: Settings, code: str, name: str) -> bool:
    """Whether the fixes of a rule are offered."""
    wanted = 0 if settings.fixable is None else _strength(settings.fixable, code, name)
    return wanted > _strength(settings.unfixable, code, name)


def strangers(selectors: Iterable[str], rules: Sequence[Named]) -> list[str]:
    """The selectors that mean none of the rules."""
    return [
        selector
        for selector in selectors
        if all(_strength([selector], rule.code, rule.name) == _NONE for rule in rules)
    ]


def looks_like_code(selector: str) -> bool:
    """Whether a selector is shaped like a code, so that it may be one of a later or earlier version."""
    return selector.startswith("TL") and (selector[2:].isdigit() or selector == "TL")


def mentioned(data: bytes, rules: Iterable[Named]) -> bool:
    """Whether the bytes of a file may hold a comment about these rules."""
    prefixes = {rule.code.rstrip("0123456789") for rule in (*rules, *BUILTINS)}
    return any(word.encode() in data for word in ("torchlint:", *sorted(prefixes)))


def meant(selector: str, rules: Sequence[Named]) -> str:
    """The end of a sentence about a selector that means no rule: which was meant, or where they are listed."""
    close = closest(selector, rules)
    return f"; did you mean `{close}`?" if close else "; `torchlint rules` lists them"


def closest(selector: str, rules: Sequence[Named]) -> str | None:
    """The code or name of a rule that a selector which means none was probably meant to be."""
    from difflib import get_close_matches

    code = selector.upper()
    if code == "ALL":
        return code
    if looks_like_code(code) and strangers([code], rules) == []:
        return code
    words = [word for rule in rules for word in ((rule.code,) if looks_like_code(code) else (rule.name,))]
    found = get_close_matches(code if looks_like_code(code) else selector.lower().replace("_", "-"), words, n=1)
    return found[0] if found else None


def _strength(selectors: Iterable[str], code: str, name: str) -> int:
    """How exactly the best selector means a rule."""
    best = _NONE
    for selector in selectors:
        if selector in (code, name):
            return _NAME
        if selector == "ALL":
            best = max(best, 0)
        elif looks_like_code(selector) and code.startswith(selector):
            best = max(best, len(selector))
    return best
