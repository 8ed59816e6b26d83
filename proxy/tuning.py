"""What the interpreter is told when the gateway is up, so that each call costs less.

The rule: nothing here changes what a call does; it only spares book-keeping that nobody reads.
"""

from __future__ import annotations

import gc
import sys

GC_THRESHOLDS = (20_000, 20, 20)


def settle() -> None:
    """Tell the interpreter what will not change any more; call it once, inside the running loop."""
    # What was loaded until now lives as long as the process: the collector need not look at it.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    # The loop keeps a register of every async generator to close it at the loop's end. The chain
    # closes its own, eight a call; an abandoned one is still closed, by the finalizer hook.
    sys.set_asyncgen_hooks(firstiter=None)
