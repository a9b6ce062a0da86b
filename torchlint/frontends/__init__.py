"""Where torchlint meets the world: the command line.

**Invariant:** only here are files of the linted project, the environment and the terminal read, only here is
anything printed, and only here is an exit status decided. Nothing below knows that it runs in a terminal.
"""
