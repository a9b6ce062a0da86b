"""The extension of VS Code: it is sound and packed as meant, and it does in a real editor what it is for."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.frontends.browser import chromium
from tests.server.codeserver import code_server, npm
from tests.server.editors import EDITORS, ROOT
from torchlint.frontends.server.commands import _COMMANDS
from torchlint.frontends.server.settings import EditorSettings

SOURCE = EDITORS / "vscode"
MADE = shutil.ignore_patterns("node_modules", "dist", "*.vsix", "LICENSE")


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of its sources, in which the packages that make it are installed."""
    top = tmp_path_factory.mktemp("vscode")
    shutil.copy(ROOT / "LICENSE", top)
    folder = top / "editors" / "vscode"
    shutil.copytree(SOURCE, folder, ignore=MADE)
    npm(["ci", "--ignore-scripts"], folder)
    return folder


@pytest.fixture(scope="module")
def packed(extension: Path) -> Path:
    """The extension as it is installed."""
    npm(["run", "package"], extension)
    return extension / "torchlint.vsix"


def manifest() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((SOURCE / "package.json").read_text(encoding="utf-8"))
    return read


def test_its_types_and_style_are_sound(extension: Path) -> None:
    npm(["run", "check"], extension)


def test_what_needs_no_editor_does_what_it_should(extension: Path) -> None:
    said = npm(["test"], extension)
    assert "ℹ fail 0" in said and "ℹ pass 0" not in said


def test_nothing_is_packed_but_what_is_used(packed: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        inside = {name.removeprefix("extension/") for name in archive.namelist() if name.startswith("extension/")}
        made = archive.read("extension/dist/extension.js").decode()
        licences = archive.read("extension/dist/third-party.txt").decode()
    assert inside == {"package.json", "readme.md", "LICENSE.txt", "dist/extension.js", "dist/third-party.txt"}
    assert str(packed.parent) not in made
    assert "vscode-languageclient" in licences


def test_its_settings_are_the_servers() -> None:
    told = manifest()["contributes"]["configuration"]["properties"]
    known = _flat("torchlint", msgspec.to_builtins(EditorSettings()))
    assert {name: setting["default"] for name, setting in told.items()} == known
    schema = msgspec.json.schema(EditorSettings)["$defs"]["EditorSettings"]["properties"]
    for name in ("run", "logLevel"):
        assert sorted(told[f"torchlint.{name}"]["enum"]) == sorted(schema[name]["enum"])


def test_its_commands_are_not_the_servers() -> None:
    own = {one["command"] for one in manifest()["contributes"]["commands"]}
    assert own and own.isdisjoint(f"torchlint.{name}" for name in _COMMANDS)


def test_a_workspace_that_is_not_trusted_does_not_choose_what_is_run() -> None:
    untrusted = manifest()["capabilities"]["untrustedWorkspaces"]
    assert untrusted["supported"] == "limited"
    assert {"torchlint.interpreter", "torchlint.confirm"} == set(untrusted["restrictedConfigurations"])


def test_its_packages_come_from_whatever_registry_there_is() -> None:
    locked = json.loads((SOURCE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert len(locked) > 1
    assert not [name for name, package in locked.items() if "resolved" in package]


def test_it_works_in_a_real_editor(extension: Path, packed: Path, tmp_path: Path) -> None:
    """What is tried stands in ``editors/vscode/test/editor``."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    needs = {
        "TORCHLINT_CODE_SERVER": str(code_server()),
        "TORCHLINT_CHROMIUM": chromium(),
        "TORCHLINT_PYTHON": str(python),
        "TORCHLINT_VSIX": str(packed),
    }
    said = npm(["run", "test:editor"], extension, **needs)
    assert "ℹ fail 0" in said and "ℹ pass 0" not in said


def _flat(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {name: value}
    return {key: one for part, below in value.items() for key, one in _flat(f"{name}.{part}", below).items()}
