"""One job, from JSON to JSON: what is asked, of which files, and what was found. It runs in a process of its own.

Everything that a job needs of torchlint is imported here, at once: the warm process does it before it forks.
"""

from __future__ import annotations

from typing import Any

import claims
import inspection


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Do a job.

    job: ``what`` is ``claims`` or ``inspect``; ``root``, ``files``: the project, see `loader.Project`; the rest is for
    the part that does it.
    """
    return dict(inspection.run(job)) if job.get("what") == "inspect" else claims.run(job)
