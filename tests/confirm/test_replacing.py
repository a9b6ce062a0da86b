"""A warm process that has done its share is replaced, and nobody who asks for jobs sees it."""

from __future__ import annotations

import sys
from pathlib import Path

from torchlint.confirm.host import Host, Interpreter, Level, Limits, Status, find_interpreter


def test_jobs_go_on_when_the_warm_process_is_replaced(tmp_path: Path) -> None:
    found = find_interpreter(sys.executable, {})
    assert isinstance(found, Interpreter)
    private = tmp_path / "private"
    private.mkdir()
    host = Host.start(found, tmp_path, Level.BASIC, Limits(jobs_before_replacing=2), private)
    assert isinstance(host, Host)
    with host:
        job = {"what": "claims", "root": str(tmp_path), "files": {}, "claims": []}
        assert [host.run(job).status for _ in range(5)] == [Status.OK] * 5
    assert list(private.iterdir()) == []
