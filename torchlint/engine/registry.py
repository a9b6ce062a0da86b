"""The folder is the registry: each ``.py`` file in a rules folder declares one rule, and is loaded by its path.

**Invariant:** nothing imports a rule by name, and the working folder never matters: torchlint's own rules are found
beside its package and nowhere else. A rule file that cannot be loaded becomes an error that names its path.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from torchlint.rule import Rule


class Registry(msgspec.Struct, frozen=True):
    """The rules that were found, by code, and what is wrong with the others."""

    rules: tuple[Rule, ...]
    problems: tuple[str, ...]

    def find(self, selector: str) -> Rule | None:
        """The rule of this code or name."""
        return next((rule for rule in self.rules if selector in (rule.code, rule.name)), None)


def own_folder() -> Path:
    """The folder of torchlint's own rules: inside an installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "rules"
    return inside if inside.is_dir() else package.parent / "rules"


def own_contracts() -> Path:
    """The folder of torchlint's own contracts."""
    return own_folder() / "contracts"


def load(folders: Iterable[Path] = ()) -> Registry:
    """Torchlint's own rules and those of further folders."""
    rules: list[Rule] = []
    problems: list[str] = []
    for folder in (own_folder(), *(further.resolve() for further in folders)):
        if not folder.is_dir():
            problems.append(f"{folder}: no such folder of rules")
        for path in sorted(folder.rglob("*.py")):
            if any(part.startswith((".", "_")) for part in path.relative_to(folder).parts):
                continue
            loaded = _load_file(path)
            if isinstance(loaded, str):
                problems.append(f"{path}: {loaded}")
                continue
            twin = next((rule for rule in rules if loaded.code == rule.code or loaded.name == rule.name), None)
            if twin is not None:
                problems.append(f"{path}: {loaded.code} ({loaded.name}) is taken by {twin.file}")
                continue
            rules.append(loaded)
    return Registry(tuple(sorted(rules, key=lambda rule: rule.code)), tuple(problems))


def _load_file(path: Path) -> Rule | str:
    """The rule that a file declares, or what is wrong with it."""
    name = f"torchlint_rule_{path}".replace(".", "_")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        return "not loadable as a module"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        return f"{type(error).__name__}: {error}"
    declared = [value for value in vars(module).values() if isinstance(value, Rule) and Path(value.file) == path]
    if len(declared) != 1:
        return f"a rule file declares exactly one rule, this one {len(declared)}"
    return declared[0]
