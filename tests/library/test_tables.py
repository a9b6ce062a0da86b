"""The loader: what it accepts, how it says no, what a signature binds, how long it takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from torchlint.flow.library import reader
from torchlint.flow.library.contracts import Contracts, Entry, entries, entry_of
from torchlint.flow.library.tables import (
    ContractError,
    Loss,
    Model,
    Operation,
    Transform,
    parse_signature,
)  # fmt: skip
from torchlint.flow.values import Const, Tuple, Unknown

ROOT = Path(__file__).parents[2]
FOLDER = str(ROOT / "rules" / "contracts")
SIGMOID = '[[operation]]\nname = "mine.sigmoid"\nmethods = ["squash"]\nrange = [0, 1]\nsignature = "(input)"\n'


def test_lookup_by_every_spelling() -> None:
    contracts = Contracts.load([FOLDER])
    sigmoid = contracts.lookup("torch.nn.functional.sigmoid")
    assert sigmoid is contracts.lookup("torch.sigmoid")
    assert sigmoid is contracts.method("sigmoid_")
    assert isinstance(contracts.lookup("torch.nn.functional.binary_cross_entropy"), Loss)
    transform = contracts.lookup("torchvision.transforms.transforms.ToTensor")
    assert isinstance(transform, Transform)
    assert contracts.lookup("torchvision.transforms.functional.to_tensor") is transform
    model = contracts.lookup("torchvision.models.resnet18")
    assert isinstance(model, Model)
    assert (model.head, model.head_in) == ("fc", 512)
    assert contracts.lookup("torch.no_such_thing") is None
    assert contracts.method("no_such_thing") is None
    assert {"torch.relu", "torchvision.datasets.MNIST", "cv2.imread"} <= contracts.interesting_names()


def test_methods_of_arrays() -> None:
    contracts = Contracts.load([FOLDER])
    assert contracts.method("transpose") is contracts.lookup("torch.transpose")
    assert contracts.method("transpose", "numpy") is contracts.lookup("numpy.transpose")
    assert contracts.method("astype") is contracts.lookup("numpy.ndarray.astype")
    assert contracts.method("sigmoid", "numpy") is contracts.lookup("torch.sigmoid")


@pytest.mark.parametrize("path", reader.files_of(FOLDER), ids=lambda path: Path(path).stem)
def test_own_tables_are_plain_and_their_names_are_found_without_reading_them(path: str) -> None:
    found = entries(path)
    assert all(entry.read is None for entry in found)
    read = [entry_of(row) for row in reader.parse_own(reader.text_of(path), path).rows]

    def heads(of: list[Entry]) -> list[tuple[object, ...]]:
        return sorted((e.name, e.kind, e.aliases, e.function, e.methods, e.array_methods, e.does) for e in of)

    assert heads(found) == heads(read)
    rows = {entry.name: entry.row for entry in found}
    assert all(rows[entry.name] == entry.row for entry in read)


def test_a_table_that_is_not_plain_is_read_at_once(tmp_path: Path) -> None:
    loss = "[[loss]]\ntakes = 'logits'\nname = 'mine.Loss'\nfunction = 'mine.\\u006coss'\n".replace("'", '"')
    ways = {
        "order": loss,
        "inline": 'operation = [{name = "mine.f", methods = ["\\u0066f"]}]\n',
        "quotes": '[[operation]]\nname = "mine.g"\nmethods = ["gg"]\nword = """\n[[loss]]"""\n',
    }
    for name, text in ways.items():
        (tmp_path / f"{name}.toml").write_text(text)
    contracts = Contracts.load([str(tmp_path)])
    assert isinstance(contracts.lookup("mine.loss"), Loss)
    for method in ("ff", "gg"):
        assert contracts.method(method) is contracts.lookup(f"mine.{method[0]}")


def test_line_ends_of_windows(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(SIGMOID.replace("\n", "\r\n").encode())
    contracts = Contracts.load([str(tmp_path)])
    assert contracts.method("squash") is contracts.lookup("mine.sigmoid") is not None


def test_a_users_folder_overrides(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(SIGMOID + '[[operation]]\nname = "torch.sigmoid"\nrange = [0, 2]\n')
    contracts = Contracts.load([FOLDER, str(tmp_path)])
    mine = contracts.lookup("mine.sigmoid")
    assert isinstance(mine, Operation)
    assert mine.range == (0.0, 1.0)
    assert contracts.method("squash") is mine
    theirs = contracts.lookup("torch.sigmoid")
    assert isinstance(theirs, Operation)
    assert theirs.range == (0.0, 2.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SIGMOID + "colour = 1\n", ("[[operation]] mine.sigmoid", "colour")),
        (SIGMOID + '[[operation]]\nrange = "same"\n', ("[[operation]] number 2", "name")),
        (SIGMOID.replace("[0, 1]", "[0, true]"), ("mine.sigmoid", "range")),
        ('[[module]]\nname = "mine.Layer"\nkind = "blob"\n', ("[[module]] mine.Layer", "blob")),
        ('[[operations]]\nname = "mine.f"\n', ("operations",)),
        ('[[loss]]\nname = "mine.Loss"\n', ("[[loss]] mine.Loss", "takes")),
        ("operation = 3\n", ("operation",)),
        ("= 1\n", ("not a TOML file",)),
    ],
)
def test_an_error_names_file_and_row(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ContractError) as caught:
        reader.rows(reader.parse_tree(text, "folder/mine.toml"), "folder/mine.toml")
    for word in ("folder/mine.toml", *words):
        assert word in str(caught.value)


def test_an_error_of_a_signature_names_the_row(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(SIGMOID.replace("(input)", "(input"))
    contracts = Contracts.load([str(tmp_path)])
    row = contracts.lookup("mine.sigmoid")
    assert row is not None
    with pytest.raises(ContractError, match=r"mine\.sigmoid"):
        _ = row.parameters


@pytest.mark.parametrize("key", ["range", "shape", "dtype", "meaning", "result"])
def test_a_word_that_is_no_rule(tmp_path: Path, key: str) -> None:
    text = SIGMOID.replace("range = [0, 1]\n", "") + f'{key} = "softmx"\n'
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(ContractError, match=rf"mine\.toml.*mine\.sigmoid.*{key}.*softmx"):
        Contracts.load([str(tmp_path)]).lookup("mine.sigmoid")


def test_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ContractError, match="not a TOML file"):
        Contracts.load([str(tmp_path)])


def test_binding() -> None:
    signature = parse_signature("(input, weight, bias=None, *, stride=(1, 1), **kwargs)")
    x, y, z = Unknown(), Unknown(), Unknown()
    bound = signature.bind([x, y], {"stride": Const(2), "other": z})
    assert bound == {"input": x, "weight": y, "bias": Const(None), "stride": Const(2), "other": z}
    assert signature.bind([], {}) == {"bias": Const(None), "stride": Tuple((Const(1), Const(1)))}
    assert signature.bind([x, y, z, Const(1)], {})["*"] == Tuple((Const(1),))
    view = parse_signature("(input, *shape)")
    assert view.bind([x, Const(2), Const(-1)], {}) == {"input": x, "*": Tuple((Const(2), Const(-1)))}


def test_a_signature_runs_nothing() -> None:
    with pytest.raises(ContractError):
        parse_signature("(x=__import__('os').getpid())")
    with pytest.raises(ContractError):
        parse_signature("(x): import os\ndef g()")


def test_loading_is_fast() -> None:
    code = (
        "import time; from torchlint.flow.library.contracts import Contracts, Entry, entries, entry_of\n"
        "times = []\n"
        "for _ in range(5):\n"
        f"    t = time.process_time(); Contracts.load([{FOLDER!r}]); times.append(time.process_time() - t)\n"
        "print(min(times))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    budget = 0.06 if not os.environ.get("CI") else 0.2
    assert float(done.stdout) < budget
