"""The language server: what an editor is told while somebody types.

Definitions
    front   the process that the editor starts: it speaks the protocol, knows documents and versions, and is always
            free to answer
    worker  a process a workspace folder, or a folder that holds files outside of all of them: it holds the buffers over
            the files on the disk, and runs the analysis in that folder as ``torchlint check`` would
    near    a pass over one file that is being edited: what its own top level and roots give
    whole   a pass over everything, in the background, given up when something changes; what it says is what
            ``torchlint check`` says there

**Invariant:** the front never analyses, parses or reads what is linted, so no request waits for another's analysis, but
for those that ask for a result. A worker never speaks the protocol. An answer that was worked out for an older text is
never shown for a newer one.

Worked example: a key is pressed in ``model.py``. The front sends the new text; the worker gives up the pass that it
was at, looks at ``model.py`` alone and answers in the time of a few parses; then, when nobody types any more, it looks
at everything, and finds that the loss in ``train.py``, which is open beside it, is given something else now.
"""
