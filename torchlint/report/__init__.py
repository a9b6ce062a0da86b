"""Output: every format is a pure function of the same diagnostics.

**Invariant:** nothing here prints, reads a file or asks the terminal; colour and source lines come as arguments.
What stands in a linted file reaches the terminal only with its control characters made visible.
"""
