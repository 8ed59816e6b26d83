"""What a stage is.

The rule: a stage may refuse, answer, alter, watch or only let pass, and it declares which fields of
the exchange it reads and sets, so that a wrong order is found when the chain is built.
"""

from __future__ import annotations

from typing import Protocol

from pipelines.events import Flow, Proceed
from pipelines.exchange import Exchange


class Stage(Protocol):
    """One step of the passage: an async generator around all the stages after it."""

    @property
    def name(self) -> str:
        """The name by which the configuration puts this stage in its place."""

    @property
    def needs(self) -> frozenset[str]:
        """Names of exchange fields that earlier stages must have given."""

    @property
    def gives(self) -> frozenset[str]:
        """Names of exchange fields that this stage sets before it proceeds."""

    def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        """Run this stage for one exchange; each call of `proceed` opens the rest anew."""
