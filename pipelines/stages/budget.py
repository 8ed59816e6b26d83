"""Money and rates, held before they are spent.

The rule: this is the room between auth and cache; a call without accounts passes untouched.
"""

from __future__ import annotations

from pipelines.events import Flow, Proceed
from pipelines.exchange import Exchange


class Budget:
    """Lets every call pass: no account exists in this release."""

    name = "budget"
    needs = frozenset({"principal"})
    gives: frozenset[str] = frozenset()

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        """Pass the flow on."""
        async for event in proceed():
            yield event
