"""Rules at work: which rules there are, which are asked for, and what they say of an analysis.

**Invariant:** the engine does no I/O but to load rule files (`registry`): text goes in, diagnostics come out. One
rule's exception costs that rule in that file, and shows as TL000. Results depend on neither hash seed nor file order.
"""
