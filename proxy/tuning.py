"""What the interpreter is told, so that the start and each call cost less.

The rule: nothing here changes what a call does; it only spares book-keeping that nobody reads.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# What was loaded is frozen, so that even a whole collection looks at the running calls alone.
GC_THRESHOLDS = (20_000, 5, 2)


@contextmanager
def loading() -> Iterator[None]:
    """Collect nothing within the block, or until `settle`: what is loaded stays."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def settle() -> None:
    """Tell the interpreter what will not change any more; call it once, inside the running loop."""
    # What was loaded until now lives as long as the process: the collector need not look at it,
    # not even once for the little that is garbage.
    gc.freeze()
    gc.enable()
    gc.set_threshold(*GC_THRESHOLDS)
    # The loop keeps a register of every async generator to close it at the loop's end. The chain
    # closes its own, eight a call; an abandoned one is still closed, by the finalizer hook.
    sys.set_asyncgen_hooks(firstiter=None)
