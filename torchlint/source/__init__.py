"""Files and text: what is on the disk, before anybody reads it as Python.

**Invariant:** nothing here imports another layer of torchlint, and nothing here knows Python's grammar beyond the
encoding comment. Text keeps its line ends, form feeds and tabs, so that a place in it is a place in the file. A file
is only ever replaced as a whole (`write`), and only where a front end asks for it.
"""
