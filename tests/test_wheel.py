"""What is shipped: wheel and source distribution hold the rules, and no other folder is taken for them."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a wheel that was built from the source distribution."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_contents(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    (sdist,) = built.glob("*.tar.gz")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"torchlint/frontends/cli.py", "torchlint/rules/losses/bce_on_logits.py"} <= names
    assert "torchlint/rules/losses/bce_on_logits.md" in names
    assert any(name.startswith("torchlint/rules/contracts/") for name in names)
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"torchlint"}
    with tarfile.open(sdist) as archive:
        shipped = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "rules/losses/bce_on_logits.py", "tests/test_wheel.py"} <= shipped


def test_an_installed_wheel_finds_its_own_rules(built: Path, tmp_path: Path) -> None:
    environment = tmp_path / "bare"
    venv.create(environment, with_pip=False)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    (wheel,) = built.glob("*.whl")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", str(wheel)]
    done = subprocess.run(install, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    hostile = tmp_path / "work" / "rules" / "losses"
    hostile.mkdir(parents=True)
    (hostile / "bce_on_logits.py").write_text("raise SystemExit('hostile')")
    (tmp_path / "work" / "rules" / "__init__.py").write_text("raise SystemExit('hostile')")
    done = subprocess.run(
        [python, "-m", "torchlint", "rules"],
        cwd=tmp_path / "work",
        capture_output=True,
        text=True,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )
    assert done.returncode == 0, done.stderr
    assert "TL101  bce-on-logits" in done.stdout
    assert "hostile" not in done.stdout + done.stderr
