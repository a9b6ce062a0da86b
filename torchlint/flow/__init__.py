"""The abstract interpreter: values, alternatives, control flow, and what library calls do to values.

**Invariant:** nothing here says that code is wrong, and nothing here runs, imports or evaluates the code it reads.
What is unknown stays `Unknown`; only a value that is known to be bad can make a rule speak.
"""
