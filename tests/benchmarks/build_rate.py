"""How many of the models in a folder of repositories can be loaded, built and run, and why the others cannot.

    python tests/benchmarks/build_rate.py FOLDER [--kinds TABLE] [--files 15] [--only NAME] [--verbose]

Each `torch.nn.Module` subclass found in a seed-0 sample of at most `--files` files a repository is built and run in a
process of its own, forked from this one: ten seconds of CPU, limited memory, no network, no rights beyond those of
`nobody` when started by root, its working directory empty. This is a measurement of the slicer, not an isolation: use
it on repositories you would run anyway. `TABLE` is tab-separated with columns `repo` and `kind`.
"""

from __future__ import annotations

import argparse
import ast
import collections
import contextlib
import csv
import json
import os
import random
import resource
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CHILD = Path(__file__).resolve().parents[2] / "torchlint" / "confirm" / "child"
SKIPPED = {"tests", "test", ".git", "site-packages", "node_modules"}
BASES = ("Module", "LightningModule")


def say(line: str) -> None:
    """Prints at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def module_classes(text: str) -> list[tuple[str, int]]:
    """Names and rows of the classes of a file whose base looks like a module, directly or through the file."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []
    known: set[str] = set()
    found = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            bases = [ast.unparse(base).rpartition(".")[2] for base in node.bases]
            if any(base in BASES or base in known for base in bases):
                known.add(node.name)
                found.append((node.name, node.lineno))
    return found


def sample(folder: Path, most: int) -> list[Path]:
    """At most `most` files with module classes, drawn with seed 0."""
    files = []
    for path in sorted(folder.rglob("*.py")):
        if SKIPPED & set(path.relative_to(folder).parts[:-1]) or path.stat().st_size > 1 << 20:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if "Module" in text and module_classes(text):
            files.append(path)
    random.Random(0).shuffle(files)
    return sorted(files[:most])


def confine(base: int) -> None:
    """Takes from this process what the measurement does not need."""
    resource.setrlimit(resource.RLIMIT_CPU, (25, 26))
    resource.setrlimit(resource.RLIMIT_AS, (base + (4 << 30), base + (4 << 30)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(tempfile.mkdtemp())
    with contextlib.suppress(OSError, AttributeError):
        os.unshare(os.CLONE_NEWNET)  # type: ignore[attr-defined]  # Python >= 3.12
    if not hasattr(os, "unshare"):
        import ctypes

        ctypes.CDLL(None).unshare(0x40000000)  # CLONE_NEWNET

    def refuse(*arguments: object, **keywords: object) -> None:
        raise ConnectionError("no network")

    socket.socket.connect = refuse  # type: ignore[method-assign]
    if os.geteuid() == 0:
        os.chmod(".", 0o777)
        become_nobody()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)


def become_nobody() -> None:
    """Gives up root's rights but one: to read what only root can read, where the interpreter may be installed."""
    import ctypes
    import struct

    library = ctypes.CDLL(None)
    library.prctl(8, 1, 0, 0, 0)  # PR_SET_KEEPCAPS
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    read_search = 1 << 2  # CAP_DAC_READ_SEARCH
    header = struct.pack("Ii", 0x20080522, 0)
    library.capset(header, struct.pack("6I", read_search, read_search, 0, 0, 0, 0))


def work(root: str, path: str, cls: str) -> dict[str, Any]:
    """Loads, builds and runs one class; runs in the forked process."""
    import build
    import infer
    from limits import Budget, BudgetSpent
    from loader import LoadError, Project

    answer: dict[str, Any] = {
        "loaded": False,
        "built": False,
        "fits": False,
        "ran": False,
        "kind": "",
        "reason": "",
        "message": "",
    }
    budget = Budget(10.0)
    project = Project(root, {})
    try:
        with budget:
            project.module(path)
        runner = project.runner(path)
        answer["loaded"] = cls in runner.space
        built = build.build(project, {"owner": path, "cls": cls}, budget)
        answer.update(built=True, kind=built.recipe.kind, recipe=built.recipe.text, guessed=list(built.recipe.guessed))
        inputs = infer.find_inputs(built, None, {}, budget)
        answer.update(
            ran=inputs.ran, fits=True, how=inputs.how, tried=inputs.tried, shapes=[list(one) for one in inputs.shapes]
        )
    except (build.BuildError, infer.InferError) as error:
        answer.update(reason=error.reason, message=error.message)
    except LoadError as error:
        answer.update(reason="load", message=error.message)
    except BudgetSpent:
        answer.update(reason="budget")
    except BaseException as error:
        answer.update(reason="crash", message=f"{type(error).__name__}: {error}")
    return answer


def measure(root: str, path: str, cls: str, base: int) -> dict[str, Any]:
    """The answer of a forked process for one class."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.setsid()
            confine(base)
            answer = work(root, path, cls)
            os.write(writing, json.dumps(answer, default=str).encode()[:60000])
        finally:
            os._exit(0)
    os.close(writing)
    content = b""
    signal.signal(signal.SIGALRM, lambda *unused: os.killpg(child, signal.SIGKILL))
    signal.alarm(120)
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    signal.alarm(0)
    empty = {
        "loaded": False,
        "built": False,
        "fits": False,
        "ran": False,
        "kind": "",
        "reason": "killed",
        "message": "",
    }
    try:
        return dict(json.loads(content)) if content else empty
    except ValueError:
        return empty


def is_root(root: str, path: str, cls: str) -> bool:
    """Whether something other than a constructor of a module makes the class."""
    from loader import Project
    from scopes import call_sites

    project = _projects.setdefault(root, Project(root, {}))
    for number, (source, call) in enumerate(call_sites(project, path, cls)):
        here: ast.AST | None = call
        while here is not None and not isinstance(here, ast.ClassDef):
            here = source.parents.get(here)
        if here is None or here.name not in {name for name, _ in module_classes(project.text(source.path))}:
            return True
        if number > 20:
            break
    return False


_projects: dict[str, Any] = {}


def virtual_memory() -> int:
    """Bytes of address space of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def main() -> None:
    """Measures, prints a line a repository as it goes, then the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kinds", type=Path)
    parser.add_argument("--files", type=int, default=15)
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--without", nargs="*", default=[], help="repositories to leave out")
    parser.add_argument("--share", default="0/1", help="i/n: the i-th of n parts of the repositories")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    sys.path.insert(0, str(CHILD))
    import build  # noqa: F401  # everything is imported before the fork
    import infer  # noqa: F401
    import torch
    import torch._subclasses.fake_tensor

    torch.set_num_threads(1)
    torch.nn.Linear(2, 2).to("meta")
    torch.zeros(2, device="meta") @ torch.zeros(2, device="meta")
    import torch._dynamo  # warmed up before the fork

    kinds: dict[str, str] = {}
    if options.kinds is not None:
        with options.kinds.open(newline="") as file:
            kinds = {row["repo"].replace("/", "+"): row["kind"] for row in csv.DictReader(file, delimiter="\t")}
    base = virtual_memory()
    rows = []
    part, parts = (int(one) for one in options.share.split("/"))
    folders = [one for one in sorted(options.folder.iterdir()) if one.is_dir() and options.only in one.name]
    folders = [one for one in folders if one.name not in options.without]
    for folder in folders[part::parts]:
        started = time.time()
        own = []
        for path in sample(folder, options.files):
            relative = str(path.relative_to(folder))
            for name, row in module_classes(path.read_text(encoding="utf-8", errors="replace")):
                answer = measure(str(folder), relative, name, base)
                answer.update(repo=folder.name, path=relative, cls=name, row=row, type=kinds.get(folder.name, ""))
                answer["root"] = is_root(str(folder), relative, name)
                own.append(answer)
                if options.verbose and not answer["ran"]:
                    say(f"  {relative}:{row} {name}: {answer['reason']} {answer['message'][:150]}")
        rows += own
        if options.out is not None:
            options.out.write_text(json.dumps(rows, indent=1))
        ran, built = (sum(bool(one[key]) for one in own) for key in ("ran", "built"))
        say(
            f"{folder.name:50} {len(own):4} classes, built {built}, ran {ran} ({time.time() - started:.0f} s)",
        )
    table(rows)


def table(rows: list[dict[str, Any]]) -> None:
    """Prints shares by kind of repository, and the reasons."""
    groups: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
    for row in rows:
        groups[row["type"] or "?"].append(row)
        groups["all"].append(row)
        if row["root"]:
            groups["root, " + (row["type"] or "?")].append(row)
            groups["root, all"].append(row)
    say(f"{'':22}{'classes':>8}{'loaded':>8}{'built':>8}{'unguessed':>10}{'fits':>8}{'ran':>8}")
    for name, group in sorted(groups.items()):
        unguessed = sum(row["built"] and row["kind"] != "guessed" and not row.get("guessed") for row in group)
        counts = [sum(bool(row[key]) for row in group) for key in ("loaded", "built")]
        shares = [*counts, unguessed, *(sum(bool(row.get(key)) for row in group) for key in ("fits", "ran"))]
        say(f"{name:22}{len(group):8}" + "".join(f"{100 * one / len(group):9.1f}%" for one in shares))
    for stage, failed in (("not built", [r for r in rows if not r["built"]]),
                          ("built, not run", [r for r in rows if r["built"] and not r["ran"]])):  # fmt: skip
        say(f"{stage}: {dict(collections.Counter(row['reason'] for row in failed).most_common())}")
    say(f"recipes: {dict(collections.Counter(row['kind'] for row in rows if row['built']).most_common())}")


if __name__ == "__main__":
    main()
