"""One job, from JSON to JSON: what is asked, of which files, and what was found. It runs in a process of its own."""

from __future__ import annotations

from typing import Any


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Do a job.

    job: ``what`` is ``claims`` or ``inspect``; ``root``, ``files``: the project, see `loader.Project`; the rest is for
    the part that does it.
    """
    if job.get("what") == "inspect":
        import inspection

        return dict(inspection.run(job))
    import claims

    return claims.run(job)
