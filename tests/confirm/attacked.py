"""A program with a host of its own, for tests: `python attacked.py INTERPRETER`, run as the user who is to be attacked.

Each line of standard input is a request, each line of standard output its reply. A request names `layers` (one warm
process for each set of them), `code`, and optionally limits; the reply tells the status, whether the attack said
that it worked, what is seen of its effects, and whether the next job is still answered. An empty line ends it.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from torchlint.confirm.host import Host, Interpreter, Level, Limits, Refused

WORK = Path(__file__).parent / "attacking"
SANE = "def attack(plan):\n    import torch\n    return torch.ones(3).sum().item() == 3\n"


def effects(folder: Path, before: Any, victim: subprocess.Popen[bytes]) -> bool:
    """Whether anything has changed. It gives a signal to the victim time to arrive."""
    try:
        victim.wait(0.05)
        return True
    except subprocess.TimeoutExpired:
        pass
    return bool(state(folder) != before)


def state(folder: Path) -> Any:
    """All that can be seen of a folder."""
    return [
        (path.name, path.lstat().st_mode, path.lstat().st_mtime_ns, path.lstat().st_ctime_ns)
        for path in sorted(folder.iterdir())
    ]


def attack(host: Host, code: str, cpu: float | None) -> dict[str, Any]:
    """Let one attack run, and a harmless job after it."""
    with (
        tempfile.TemporaryDirectory() as name,
        socket.socket() as tcp,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
        subprocess.Popen(["sleep", "60"]) as victim,
    ):
        folder = Path(name)
        for file in ("secret", "existing", "doomed"):
            (folder / file).write_text("before")
        for listener in (tcp, udp):
            listener.bind(("127.0.0.1", 0))
        tcp.listen()
        plan = {"folder": name, "tcp": tcp.getsockname()[1], "udp": udp.getsockname()[1], "victim": victim.pid}
        before = state(folder)
        answer = host.run({"code": code, "plan": plan}, cpu)
        seen = effects(folder, before, victim)
        victim.kill()
    after = host.run({"code": SANE, "plan": {}})
    result = answer.result or {}
    return {
        "status": answer.status.value,
        "signal": answer.signal,
        "cpu": answer.cpu,
        "worked": result.get("worked", False),
        "seen": seen,
        "after": after.status.value,
        "after_cpu": after.cpu,
    }


def main(path: str) -> None:
    interpreter = Interpreter(path, (3, 10), "", False)
    hosts: dict[tuple[str, ...], Host] = {}
    with tempfile.TemporaryDirectory() as root, contextlib.ExitStack() as stack:
        for line in sys.stdin:
            if not line.strip():
                break
            request = json.loads(line)
            layers = tuple(request["layers"])
            if layers not in hosts:
                limits = Limits(cpu=10.0, wall_factor=6.0, memory=1 << 30)
                wanted = Level.STRONG if len(layers) == 3 else Level.NONE
                host = Host.start(interpreter, Path(root), wanted, limits, work=WORK, layers=layers)
                if isinstance(host, Refused):
                    print(json.dumps({"refused": host.reason}), flush=True)  # noqa: T201
                    continue
                hosts[layers] = stack.enter_context(host)
            reply = attack(hosts[layers], request["code"], request.get("cpu"))
            level, not_held = hosts[layers].level, hosts[layers].not_held
            print(json.dumps({**reply, "level": level.name, "not_held": not_held}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
