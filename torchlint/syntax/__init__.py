"""One file: from text to libcst's tree, to the IR, and back to positions.

**Invariant:** only this layer (and fixes) names libcst. Parsing never raises: it returns a tree or a `SyntaxProblem`.
The IR holds no position and no concrete syntax; the same text always lowers to the same IR with the same numbers, so a
number can be turned into a `Span` later, and only for files that have a finding. Nothing here knows a second file, and
nothing here knows what a name means.
"""
