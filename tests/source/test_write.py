"""Files are replaced as a whole, and stay what they were besides."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

import pytest

from torchlint.source.write import ChangedError, Rewriting, remove_leavings, rewrite_together, write_atomically

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes, links and locks of POSIX")
LEAVING = ".torchlint-0123456789abcdef.tmp"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_has_the_mode_that_any_new_file_has(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_atomically(str(tmp_path / "new.py"), b"x = 1\r\n")
    assert (tmp_path / "new.py").read_bytes() == b"x = 1\r\n"
    assert (tmp_path / "new.py").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert names(tmp_path) == ["new.py", "plain"]


@posix
@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o664])
def test_mode_and_owner_are_kept(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "train.py"
    file.write_bytes(b"old")
    if os.geteuid() == 0:
        os.chown(file, 1234, 4321)
    file.chmod(mode)
    before = file.stat()
    write_atomically(str(file), b"new")
    after = file.stat()
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(after.st_mode) == mode
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino


@posix
def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    file = tmp_path / "inner" / "train.py"
    file.write_bytes(b"old")
    (tmp_path / "second.py").symlink_to(Path("inner") / "train.py")
    (tmp_path / "first.py").symlink_to("second.py")
    write_atomically(str(tmp_path / "first.py"), b"new")
    assert (tmp_path / "first.py").is_symlink() and (tmp_path / "second.py").is_symlink()
    assert file.read_bytes() == b"new"
    assert names(tmp_path / "inner") == ["train.py"]


def test_a_read_only_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_bytes(b"old")
    file.chmod(0o444)
    with pytest.raises(PermissionError, match="read-only"):
        write_atomically(str(file), b"new")
    assert file.read_bytes() == b"old"
    assert names(tmp_path) == ["train.py"]


@posix
def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        with pytest.raises(OSError, match="not a regular file"):
            write_atomically(str(tmp_path / name), b"new")
    assert names(tmp_path) == ["folder", "pipe"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "train.py"
    file.write_bytes(b"old")
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) < 8:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:8])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left") as failed:
        write_atomically(str(file), b"0123456789")
    assert failed.value.filename == str(file)
    assert file.read_bytes() == b"old"
    assert names(tmp_path) == ["train.py"]


def test_a_write_that_is_interrupted_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(source: str, target: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(str(tmp_path / "train.py"), b"new")
    assert names(tmp_path) == []


@posix
def test_leavings_go_unless_somebody_holds_them(tmp_path: Path) -> None:
    import fcntl

    held = tmp_path / LEAVING.replace("0", "f")
    (tmp_path / LEAVING).write_bytes(b"half")
    (tmp_path / "torchlint-notes.tmp").write_bytes(b"a user's own")
    with held.open("wb") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        write_atomically(str(tmp_path / "train.py"), b"new")
        assert names(tmp_path) == sorted([held.name, "torchlint-notes.tmp", "train.py"])
    remove_leavings([str(tmp_path / "train.py")])
    assert names(tmp_path) == ["torchlint-notes.tmp", "train.py"]


def test_files_that_belong_together_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    model, train = tmp_path / "model.py", tmp_path / "train.py"
    model.write_bytes(b"old model")
    train.write_bytes(b"old train")
    files = [Rewriting(str(model), b"old model", b"new model"), Rewriting(str(train), b"old train", b"new train")]
    train.write_bytes(b"edited")
    with pytest.raises(ChangedError) as changed:
        rewrite_together(files)
    assert changed.value.path == str(train)
    assert (model.read_bytes(), train.read_bytes()) == (b"old model", b"edited")
    train.write_bytes(b"old train")
    train.chmod(0o444)
    with pytest.raises(PermissionError):
        rewrite_together(files)
    assert (model.read_bytes(), train.read_bytes()) == (b"old model", b"old train")
    train.chmod(0o644)
    rewrite_together(files)
    assert (model.read_bytes(), train.read_bytes()) == (b"new model", b"new train")
    assert names(tmp_path) == ["model.py", "train.py"]


def test_a_rename_that_fails_takes_back_those_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, train = tmp_path / "model.py", tmp_path / "train.py"
    model.write_bytes(b"old model")
    train.write_bytes(b"old train")
    replace = os.replace

    def held(source: str, target: str) -> None:
        if target.endswith("train.py"):
            raise PermissionError(errno.EACCES, "held by another program")
        replace(source, target)

    monkeypatch.setattr(os, "replace", held)
    with pytest.raises(PermissionError, match="held by another"):
        rewrite_together(
            [Rewriting(str(model), b"old model", b"new model"), Rewriting(str(train), b"old train", b"new train")]
        )
    assert (model.read_bytes(), train.read_bytes()) == (b"old model", b"old train")
    assert names(tmp_path) == ["model.py", "train.py"]
