"""Running models to confirm findings: what is asked of a run, how it is kept apart, and what its answer means.

**Invariant:** nothing here imports torch or a module of the linted project; what does lies in `child`, runs in a
process of its own and knows nothing of torchlint. What comes back is untrusted data: it is checked field by field, and
every word that is shown is made here, but for `Verdict.message`, which is the linted program's own text.
"""
