"""Fixtures that must be opened on the event loop of the test that uses them.

The rule: a fixture gives `Later(open)`, and the test gets what `open()` yields.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any


class Later:
    """Something to open when the test's own loop runs, and to close at its end."""

    def __init__(self, opens: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
        self.opens = opens
