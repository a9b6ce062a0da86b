"""The ready files in `editors/`: their programs read them, and what stands in them is what the server has.

What editors that cannot be had here would send is sent by hand: the options and answers that they make of their files.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.server import editors
from tests.server.editors import EDITORS
from tests.server.wire import CAPABILITIES, Client
from torchlint.frontends.server.settings import EditorSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Table = dict[str, Any]

#: Settings that no ready file names, since they have no value unless somebody needs one.
UNNAMED = {"configuration", "interpreter"}


def loaded(name: str) -> Table:
    text = (EDITORS / name).read_text(encoding="utf-8")
    table: Table = tomllib.loads(text) if name.endswith(".toml") else json.loads(text)
    return table


def nested(dotted: Table) -> Table:
    """Settings by dotted names, as Sublime has them, as objects within objects."""
    out: Table = {}
    for name, value in dotted.items():
        *above, last = name.split(".")
        place = out
        for part in above:
            place = place.setdefault(part, {})
        place[last] = value
    return out


def in_neovim(neovim: Callable[[], str]) -> Table:
    """The table that Neovim makes of its file."""
    file = EDITORS / "neovim" / "lsp" / "torchlint.lua"
    printing = f"io.stdout:write(vim.fn.json_encode(dofile([[{file}]])))"
    words = [neovim(), "--clean", "--headless", "-c", f"lua {printing}", "-c", "qall!"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    table: Table = json.loads(done.stdout)
    return table


SETTINGS: dict[str, Callable[[], Table]] = {
    "neovim": lambda: in_neovim(editors.recent_neovim)["settings"]["torchlint"],
    "old neovim": lambda: in_neovim(editors.distributed_neovim)["settings"]["torchlint"],
    "helix": lambda: loaded("helix/languages.toml")["language-server"]["torchlint"]["config"]["settings"],
    "sublime": lambda: nested(_sublime()["settings"])["torchlint"],
    "zed": lambda: loaded("zed/settings.json")["lsp"]["pylsp"]["initialization_options"]["settings"],
    "pycharm": lambda: loaded("pycharm/torchlint/settings.json")["torchlint"],
}

COMMANDS: dict[str, Callable[[], list[str]]] = {
    "neovim": lambda: in_neovim(editors.recent_neovim)["cmd"],
    "helix": lambda: _started(loaded("helix/languages.toml")["language-server"]["torchlint"]),
    "sublime": lambda: _sublime()["command"],
    "zed": lambda: _zed_command(),
    "pycharm": lambda: loaded("pycharm/torchlint/template.json")["programArgs"]["default"].split(),
}


def _sublime() -> Table:
    table: Table = loaded("sublime/LanguageServers.sublime-settings")["torchlint"]
    return table


def _started(table: Table) -> list[str]:
    return [table["command"], *table["args"]]


def _zed_command() -> list[str]:
    binary = loaded("zed/settings.json")["lsp"]["pylsp"]["binary"]
    return [Path(binary["path"]).name, *binary["arguments"]]


def defaults() -> Table:
    table: Table = msgspec.to_builtins(EditorSettings())
    return table


@pytest.mark.parametrize("editor", SETTINGS)
def test_ready_files_name_every_setting_with_the_value_that_holds_anyway(editor: str) -> None:
    assert SETTINGS[editor]() == {name: value for name, value in defaults().items() if name not in UNNAMED}


@pytest.mark.parametrize("editor", COMMANDS)
def test_ready_files_start_the_server(editor: str) -> None:
    program, *words = COMMANDS[editor]()
    assert program == "torchlint"
    done = subprocess.run([sys.executable, "-m", "torchlint", *words, "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "language server" in done.stdout


def test_nobody_is_trusted_by_a_ready_file() -> None:
    assert in_neovim(editors.recent_neovim)["init_options"] == {"trusted": False}
    assert loaded("helix/languages.toml")["language-server"]["torchlint"]["config"]["trusted"] is False
    assert _sublime()["initialization_options"] == {"trusted": False}
    assert loaded("zed/settings.json")["lsp"]["pylsp"]["initialization_options"]["trusted"] is False
    assert loaded("pycharm/torchlint/initializationOptions.json") == {"trusted": False}


def test_old_and_new_files_for_sublime_say_the_same() -> None:
    old = loaded("sublime/LSP.sublime-settings")["clients"]["torchlint"]
    old["initialization_options"] = old.pop("initializationOptions")
    assert old == _sublime()


def test_helix_has_only_keys_that_it_knows() -> None:
    table = loaded("helix/languages.toml")
    assert set(table) == {"language-server", "language"}
    known = {"command", "args", "config", "timeout", "environment", "required-root-patterns"}
    assert set(table["language-server"]["torchlint"]) <= known
    (python,) = table["language"]
    assert set(python) == {"name", "language-servers"} and "torchlint" in python["language-servers"]


def test_the_template_for_pycharm_has_what_lsp4ij_reads() -> None:
    table = loaded("pycharm/torchlint/template.json")
    assert set(table) == {"name", "programArgs", "fileTypeMappings"}
    assert table["fileTypeMappings"] == [{"fileType": {"name": "Python"}, "languageId": "python"}]
    named = {path.name for path in (EDITORS / "pycharm" / "torchlint").iterdir()}
    assert named == {"template.json", "settings.json", "initializationOptions.json", "README.md"}


@pytest.mark.parametrize("neovim", [editors.distributed_neovim, editors.recent_neovim])
def test_lua_is_understood_by_old_and_new_neovim(neovim: Callable[[], str]) -> None:
    for file in (EDITORS / "neovim").rglob("*.lua"):
        words = [neovim(), "--clean", "--headless", "-c", f"lua assert(loadfile([[{file}]]))", "-c", "qall!"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
        assert done.stderr.strip() == "", done.stderr


def test_the_package_for_emacs_compiles_without_a_warning(tmp_path: Path) -> None:
    copy = tmp_path / "torchlint.el"
    copy.write_bytes((EDITORS / "emacs" / "torchlint.el").read_bytes())
    strict = "(setq byte-compile-error-on-warn t)"
    words = [editors.emacs(), "-Q", "--batch", "--eval", strict, "-f", "batch-byte-compile", str(copy)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and copy.with_suffix(".elc").exists(), done.stderr


# the server's own words


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with Client(editors.project(tmp_path / "project")) as one:
        yield one


def test_the_commands_that_files_name_are_the_servers(client: Client) -> None:
    can = client.initialize()["capabilities"]
    theirs = set(can["executeCommandProvider"]["commands"])
    readme = (EDITORS / "README.md").read_text(encoding="utf-8")
    table = readme[readme.index("## Commands") : readme.index("## Neovim")]
    assert set(re.findall(r"^\| `(torchlint\.\w+)`", table, re.MULTILINE)) == theirs
    for name in ("neovim/lua/torchlint.lua", "emacs/torchlint.el"):
        text = (EDITORS / name).read_text(encoding="utf-8")
        assert set(re.findall(r'"(torchlint\.\w+)"', text)) <= theirs
        assert set(re.findall(r'"(source\.[\w.]+)"', text)) <= set(can["codeActionProvider"]["codeActionKinds"])


def test_the_settings_that_the_readme_explains_are_the_servers() -> None:
    readme = (EDITORS / "README.md").read_text(encoding="utf-8")
    table = readme[readme.index("## Settings") : readme.index("## Commands")]
    named = [
        name for row in re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)
    ]
    explained = {name.partition(".")[0] for name in named}
    assert explained == set(defaults()) - {"interpreter"}
    assert {name for name in named if "." in name} == {f"inlayHints.{name}" for name in defaults()["inlayHints"]}


def helix(settings: Table) -> tuple[Table, Callable[[Table], Any], Any]:
    """Options, what a question for a section is answered with, and what is told after the start."""
    config = loaded("helix/languages.toml")["language-server"]["torchlint"]["config"]
    config["settings"] |= settings
    return config, lambda item: config.get(item.get("section")), config


def sublime(settings: Table) -> tuple[Table, Callable[[Table], Any], Any]:
    table = nested(_sublime()["settings"])
    table["torchlint"] |= settings
    return _sublime()["initialization_options"], lambda item: table.get(item.get("section")), table


def zed(settings: Table) -> tuple[Table, Callable[[Table], Any], Any]:
    options = loaded("zed/settings.json")["lsp"]["pylsp"]["initialization_options"]
    options["settings"] |= settings
    own: Table = {"pylsp": {"plugins": {}}}  # what Zed has for the server whose name is lent
    return options, lambda item: own.get(item.get("section")), own


def pycharm(settings: Table) -> tuple[Table, Callable[[Table], Any], Any]:
    table = loaded("pycharm/torchlint/settings.json")
    table["torchlint"] |= settings
    options = loaded("pycharm/torchlint/initializationOptions.json")
    return options, lambda item: table.get(item.get("section")), table


@pytest.mark.parametrize("editor", [helix, sublime, zed, pycharm])
def test_what_is_set_in_a_ready_file_holds(editor: Callable[[Table], Any], client: Client) -> None:
    options, client.configuration, told = editor({"workspaceDiagnostics": False})
    client.initialize(initializationOptions=options)
    client.notify("workspace/didChangeConfiguration", {"settings": told})
    client.open("model.py", editors.MODEL)
    client.wait("what is said of the model", lambda: client.uri("model.py") in client.diagnostics)
    client.open("train.py", editors.TRAIN)
    client.agrees(versions={"train.py": 1})
    client.notify("textDocument/didClose", {"textDocument": {"uri": client.uri("train.py")}})
    client.wait("nothing of a closed file", lambda: not client.diagnostics[client.uri("train.py")]["diagnostics"])


@pytest.mark.parametrize("editor", [helix, sublime, zed, pycharm])
def test_what_a_ready_file_leaves_is_what_holds_without_it(editor: Callable[[Table], Any], client: Client) -> None:
    options, client.configuration, told = editor({})
    client.initialize(CAPABILITIES, initializationOptions=options)
    client.notify("workspace/didChangeConfiguration", {"settings": told})
    client.agrees()
