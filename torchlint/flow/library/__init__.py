"""What is known of libraries: the contracts, and the arithmetic that they name.

**Invariant:** knowledge of one API is data in ``rules/contracts``; a function here is general arithmetic that several
contracts name (the size of a convolution's output, the range of a product), never about one program.
"""
