"""Components, what is kept of them, and processes: the same findings, and no more work than a change asks for."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping

import msgspec
import pytest

from tests.conftest import rules
from torchlint.config import Settings
from torchlint.diagnostic import Diagnostic
from torchlint.engine.lint import Request, Result, lint
from torchlint.engine.parallel import apart, records
from torchlint.flow.library import reader
from torchlint.project.parsed import decoded, encode, parse

NET = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        return {way}


"""
TRAIN = """\
import torch
from torch import nn
from {module} import Net


def train(loader):
    net = Net()
    criterion = nn.BCELoss()
    optimizer = torch.optim.Adam(net.parameters())
    for frames, masks in loader:
        optimizer.zero_grad()
        criterion(net(frames), masks).backward()
        optimizer.step()
"""
RAW, BOUNDED = NET.format(way="self.head(x)"), NET.format(way="torch.sigmoid(self.head(x))")


class Memory:
    """A store in memory, which may be tampered with."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, bytes], bytes] = {}

    def get(self, kind: str, key: bytes) -> bytes | None:
        return self.entries.get((kind, key))

    def put(self, kind: str, key: bytes, content: bytes) -> None:
        self.entries[kind, key] = content


def run(
    files: Mapping[str, str],
    store: Memory | None = None,
    *,
    beyond: Mapping[str, str] | None = None,
    settings: Settings | None = None,
    contracts: str = "",
    jobs: int = 1,
    version: bytes = b"1",
) -> Result:
    """What torchlint says of these files; `beyond` are there, but not linted."""
    content = {path: text.encode() for path, text in files.items()}
    further = {path: text.encode() for path, text in (beyond or {}).items()}
    held = settings or Settings()
    everything = {**further, **content}
    taught = [reader.teach(reader.parse_tree(contracts, "contracts.toml"), "contracts.toml")] if contracts else []
    return lint(
        Request(
            content,
            further.get,
            rules().rules,
            lambda path: held,
            lambda path: everything[path].decode() if path in everything else None,
            taught,
            store=store,
            version=version,
            jobs=jobs,
        )
    )


def project(parts: int) -> dict[str, str]:
    """Programs in folders of their own, each of a model and a training script, every second one wrong."""
    files = {}
    for number in range(parts):
        files[f"p{number}/net.py"] = BOUNDED if number % 2 else RAW
        files[f"p{number}/train.py"] = TRAIN.format(module="net")
    return files


def places(found: list[Diagnostic]) -> list[tuple[str, str]]:
    return [(one.span.path, one.code) for one in found]


def test_only_the_component_of_a_change_is_analysed_again() -> None:
    store = Memory()
    files = project(4)
    first = run(files, store)
    assert places(first.diagnostics) == [("p0/train.py", "TL101"), ("p2/train.py", "TL101")]
    assert first.analysed == sorted(files)
    again = run(files, store)
    assert again.analysed == []
    assert again.diagnostics == first.diagnostics
    assert again.statistics == first.statistics
    files["p2/net.py"] = BOUNDED
    changed = run(files, store)
    assert changed.analysed == ["p2/net.py", "p2/train.py"]
    assert places(changed.diagnostics) == [("p0/train.py", "TL101")]
    assert changed.diagnostics == run(files).diagnostics


def test_files_that_share_a_file_that_is_not_linted_are_one_component() -> None:
    store = Memory()
    files = {"train.py": TRAIN.format(module="net"), "test.py": TRAIN.format(module="net"), "other.py": RAW}
    assert places(run(files, store, beyond={"net.py": RAW}).diagnostics) == [
        ("test.py", "TL101"),
        ("train.py", "TL101"),
    ]
    assert run(files, store, beyond={"net.py": RAW}).analysed == []
    after = run(files, store, beyond={"net.py": BOUNDED})
    assert after.analysed == ["test.py", "train.py"]
    assert after.diagnostics == []


def test_a_file_that_appears_where_it_was_looked_for() -> None:
    store = Memory()
    files = {"train.py": TRAIN.format(module="net")}
    assert run(files, store).diagnostics == []
    assert places(run(files, store, beyond={"net.py": RAW}).diagnostics) == [("train.py", "TL101")]
    assert places(run(files, store, beyond={"net/__init__.py": RAW}).diagnostics) == [("train.py", "TL101")]
    assert run(files, store).diagnostics == []


def test_a_module_that_is_named_while_the_program_runs() -> None:
    store = Memory()
    loaded = TRAIN.replace("from {module} import Net", "import importlib").replace(
        "Net()", 'importlib.import_module("net").Net()'
    )
    files = {"train.py": loaded, "net.py": RAW}
    assert places(run(files, store).diagnostics) == [("train.py", "TL101")]
    assert places(run(files, store).diagnostics) == [("train.py", "TL101")]
    files["net.py"] = BOUNDED
    assert run(files, store).diagnostics == []


@pytest.mark.parametrize(
    "package",
    [
        ("import app", "app.inner.net.Net()", "app/inner/net.py"),
        ("import app.inner.net as module", "module.Net()", "app/inner/net.py"),
        ("from app.inner import net", "net.Net()", "app/inner/net.py"),
        ("from app import inner", "inner.net.Net()", "app/inner/net.py"),
    ],
    ids=["attribute", "as", "from", "package"],
)
def test_a_package_is_one_component_with_those_that_import_it(package: tuple[str, str, str]) -> None:
    statement, made, path = package
    program = TRAIN.replace("from {module} import Net", statement).replace("Net()", made)
    store = Memory()
    files = {"train.py": program, path: RAW, "app/__init__.py": "", "app/inner/__init__.py": ""}
    assert places(run(files, store).diagnostics) == [("train.py", "TL101")]
    files[path] = BOUNDED
    after = run(files, store)
    assert "train.py" in after.analysed
    assert after.diagnostics == []


def test_settings_contracts_and_versions_are_part_of_what_is_known() -> None:
    store = Memory()
    files = project(2)
    assert places(run(files, store).diagnostics) == [("p0/train.py", "TL101")]
    assert run(files, store, settings=Settings(ignore=("TL101",))).diagnostics == []
    contract = '[[model]]\nname = "net.Net"\nreturns = "probability"\n'
    assert run(files, store, contracts=contract).diagnostics == []
    assert run(files, store, version=b"2").analysed == sorted(files)
    assert run(files, store).analysed == []


def test_comments_count_anew() -> None:
    store = Memory()
    files = project(1)
    assert len(run(files, store).diagnostics) == 1
    line = "criterion(net(frames), masks).backward()"
    files["p0/train.py"] = files["p0/train.py"].replace(line, f"{line}  # noqa: TL101")
    assert run(files, store).diagnostics == []


def test_an_entry_that_lies_is_as_good_as_none() -> None:
    files = project(2)
    wanted = run(files).diagnostics
    draw = random.Random(7)
    lies = [
        b"",
        b"\xc0",
        b"\xff" * 40,
        msgspec.msgpack.encode([1, 2, 3]),
        b"\x91" * 100_000 + b"\xc0",
        b"\xdd\xff\xff\xff\xff",
    ]
    for kind in ("records", "outcomes"):
        for lie in (*lies, None):
            store = Memory()
            run(files, store)
            for key, content in list(store.entries.items()):
                if key[0] == kind:
                    torn = content[: draw.randrange(len(content))]
                    store.entries[key] = torn if lie is None else lie
            assert run(files, store).diagnostics == wanted, (kind, lie)
            assert run(files, store).analysed == []


def test_a_record_of_which_only_the_inner_part_lies() -> None:
    store = Memory()
    files = project(1)
    run(files, store)
    for key, content in list(store.entries.items()):
        if key[0] == "records":
            lines, _, problem, imports = msgspec.msgpack.decode(content)
            store.entries[key] = msgspec.msgpack.encode((lines, ["Module", 3], problem, imports))
        else:
            del store.entries[key]
    assert places(run(files, store).diagnostics) == [("p0/train.py", "TL101")]


def test_records_say_what_the_file_says() -> None:
    for text in (RAW, "def (:\n", "x = 'a\0b'\n", "import a.b\nfrom . import c\nfrom .d import *\n"):
        made = parse(text.encode())
        back = decoded(encode(made))
        assert back is not None
        assert (back.lines, back.problem, back.imports, back.module) == (
            made.lines,
            made.problem,
            made.imports,
            made.module,
        )


@pytest.fixture(scope="module")
def large() -> dict[str, str]:
    """Enough text that further processes are used."""
    filler = "\n".join(f"# so much has been said of number {number}" for number in range(600))
    return {path: f"{text}\n\n{filler}" for path, text in project(6).items()}


@pytest.mark.parametrize("jobs", [2, 5])
def test_processes_change_nothing(large: dict[str, str], jobs: int) -> None:
    assert sum(map(len, large.values())) > 200_000
    alone, store = run(large), Memory()
    together = run(large, store, jobs=jobs)
    assert len(alone.diagnostics) == 3
    assert together.diagnostics == alone.diagnostics
    assert together.statistics == alone.statistics
    serial = Memory()
    run(large, serial)
    assert store.entries == serial.entries


def _or_die(task: int) -> int:
    if task == 3:
        os._exit(9)
    return task * task


def test_a_process_that_dies_costs_its_own_work_only() -> None:
    assert dict(apart(_or_die, range(8), 2)) == {n: None if n == 3 else n * n for n in range(8)}


def test_parsing_apart_gives_records() -> None:
    texts = [RAW.encode(), b"def (:\n", BOUNDED.encode()]
    done: list[int] = []
    found = dict(records(texts, 2, done.append))
    assert [found[index] for index in range(3)] == [encode(parse(text)) for text in texts]
    assert sum(done) == 3
