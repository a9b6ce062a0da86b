"""Files and modules: which file an import means, and how classes are linearised, over the whole project.

**Invariant:** nothing here evaluates code; a name that the project does not hold is a library's, and stays a name.
"""
