"""Stands in for `work` where confinement is tested: runs the code of the job as a model's code would be run."""

from __future__ import annotations

from typing import Any


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Run `code`, which defines `attack(plan)`, and say whether that returned something true."""
    space: dict[str, Any] = {}
    exec(compile(job["code"], "model.py", "exec"), space)
    return {"worked": bool(space["attack"](job["plan"]))}
