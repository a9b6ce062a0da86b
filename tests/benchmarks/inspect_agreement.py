"""How far ``torchlint inspect`` agrees with real forward passes on models of installed packages.

Each line of a list names a model: ``package.module:name {arguments} shapes`` as JSON with the keys ``model``,
``arguments`` and ``inputs``. The model is built and run in the environment of `--python`, in eval mode, with a hook on
every module; what each module gave first, and how many parameters it holds itself, is compared with what is inspected.

    python tests/benchmarks/inspect_agreement.py --python ENV/bin/python LIST.jsonl [--only WORD] [--verbose]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

REAL = r"""
import importlib, inspect, json, sys, torch
def tuples(value):
    return tuple(map(tuples, value)) if isinstance(value, list) else value
asked = json.loads(sys.argv[1])
module_name, _, name = asked["model"].partition(":")
module = importlib.import_module(module_name)
torch.manual_seed(0)
model = getattr(module, name)(**{key: tuples(value) for key, value in asked["arguments"].items()}).eval()
given = []
for sizes in asked["inputs"]:
    sizes, _, dtype = sizes.partition(":")
    sizes = [int(size) for size in sizes.split(",")]
    given.append(torch.randint(0, 2, sizes) if dtype == "int64" else torch.rand(sizes))
found = {}
def shapes(value):
    if isinstance(value, torch.Tensor):
        return [list(value.shape)]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [shape for one in value for shape in shapes(one)]
    return []
def hook(name):
    def seen(module, args, result):
        found[name]["calls"] += 1
        if found[name]["shapes"] is None:
            found[name]["shapes"] = shapes(result)
    return seen
INSIDE = (torch.nn.MultiheadAttention, torch.nn.TransformerEncoderLayer, torch.nn.TransformerDecoderLayer,
          torch.nn.TransformerEncoder, torch.nn.TransformerDecoder, torch.nn.Transformer)
hidden = []
for name, one in model.named_modules():
    if any(name.startswith(outer + ".") for outer in hidden):
        continue
    whole = type(one) in INSIDE
    if whole:
        hidden.append(name)
    found[name] = {"type": type(one).__name__, "shapes": None, "calls": 0,
                   "parameters": sum(p.numel() for p in one.parameters(recurse=whole))}
    one.register_forward_hook(hook(name))
with torch.no_grad():
    model(*given)
print(json.dumps({"path": inspect.getsourcefile(module), "layers": found,
                  "parameters": sum(p.numel() for p in model.parameters())}))
"""


def real(python: str, asked: dict[str, Any]) -> dict[str, Any]:
    """What hooks see of a model."""
    done = subprocess.run([python, "-c", REAL, json.dumps(asked)], capture_output=True, text=True, timeout=600)
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1:]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def inspected(path: str, asked: dict[str, Any]) -> dict[str, Any]:
    """What ``torchlint inspect`` says of it."""
    name = asked["model"].partition(":")[2]
    words = [sys.executable, "-m", "torchlint", "inspect", f"{path}:{name}", "--output-format", "json"]
    for sizes in asked["inputs"]:
        words += ["--input", sizes]
    for key, value in asked["arguments"].items():
        words += ["--args", f"{key}={tuples(value)!r}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600)
    if done.returncode not in (0, 1):
        return {"error": done.stderr.strip().splitlines()[-3:]}
    model: dict[str, Any] = json.loads(done.stdout)["models"][0]
    return model


def tuples(value: Any) -> Any:
    """JSON's lists as Python's tuples."""
    return tuple(map(tuples, value)) if isinstance(value, list) else value


def compared(one: dict[str, Any], seen: dict[str, Any]) -> dict[str, Any]:
    """Counts: layers in all, with the same shapes and parameters, not followed, and wrong (with examples)."""
    layers = {layer["name"]: layer for layer in seen["layers"]}
    counts: dict[str, Any] = {"layers": len(one["layers"]), "same": 0, "unknown": 0, "wrong": 0, "missing": 0}
    examples: list[str] = []
    first = ""
    for name, expected in one["layers"].items():
        layer = layers.get(name)
        if layer is None:
            counts["missing"] += 1
            first = first or f"{name} ({expected['type']}) is missing"
            continue
        shapes = [output["shape"] for output in layer["outputs"]]
        if expected["shapes"] is None:
            right = layer["calls"] == 0
            known = right
        else:
            known = len(shapes) == len(expected["shapes"]) and all(s is not None and None not in s for s in shapes)
            right = shapes == expected["shapes"]
        same = layer["parameters"] == expected["parameters"] or layer["shared"]
        against = any(_against(s, e) for s, e in zip(shapes, expected["shapes"] or ()))
        if layer["parameters"] is None or (not known and not against):
            counts["unknown"] += 1
            said = f"{shapes} {layer['parameters']} for {expected}; {layer['unknown']}"
            first = first or f"{name} ({expected['type']}): {said}"
        elif right and same:
            counts["same"] += 1
        else:
            counts["wrong"] += 1
            examples.append(f"{name} ({expected['type']}): {shapes} {layer['parameters']} for {expected}")
    counts["parameters"] = seen["parameters"] == one["parameters"]
    counts["first"] = first
    counts["examples"] = examples[:4]
    counts["trouble"] = seen["trouble"]
    return counts


def _against(shape: Any, expected: Any) -> bool:
    """Whether a shape that is known in part cannot be that one."""
    if shape is None:
        return False
    return len(shape) != len(expected) or any(a is not None and a != b for a, b in zip(shape, expected))


def say(line: str) -> None:
    """A line of the report."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Compare every model of a list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("list", type=Path)
    parser.add_argument("--python", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    kept = arguments.list.with_suffix(".real.json")
    known: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    whole = 0
    lines = [line for line in arguments.list.read_text().splitlines() if line.strip() and arguments.only in line]
    for line in lines:
        asked = json.loads(line)
        if line not in known:
            known[line] = real(arguments.python, asked)
            kept.write_text(json.dumps(known))
        one = known[line]
        if "error" in one:
            say(f"{asked['model']:60} cannot be run: {one['error']}")
            continue
        seen = inspected(one["path"], asked)
        if "error" in seen:
            say(f"{asked['model']:60} failed: {seen['error']}")
            continue
        counts = compared(one, seen)
        agreed = counts["same"] == counts["layers"] and counts["parameters"]
        whole += agreed
        say(
            f"{asked['model']:60} {'agrees' if agreed else 'differs'} {counts['same']}/{counts['layers']} layers, "
            f"{counts['unknown']} unknown, {counts['missing']} missing, {counts['wrong']} wrong, "
            f"parameters {'same' if counts['parameters'] else 'differ'}"
        )
        if arguments.verbose and not agreed:
            for text in [*counts["trouble"], counts["first"], *counts["examples"]]:
                say(f"    {text}"[:400])
    say(f"{whole} of {len(lines)} agree whole")


if __name__ == "__main__":
    main()
