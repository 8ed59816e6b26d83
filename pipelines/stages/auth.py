"""Who calls, and may they?

The rule: nothing behind this stage runs for a caller who is not known.
"""

from __future__ import annotations

from pipelines.errors import Forbidden
from pipelines.events import Flow, Proceed
from pipelines.exchange import Exchange
from pipelines.keys import LITELLM_HEADER, presented_secret, refusal
from pipelines.ports import KeyStore


class Auth:
    """Finds the caller by the key and checks that it may use the model."""

    name = "auth"
    needs: frozenset[str] = frozenset()
    gives = frozenset({"principal"})

    def __init__(self, keys: KeyStore, key_header: bytes = LITELLM_HEADER) -> None:
        self._keys = keys
        self._key_header = key_header

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        """Raises Unauthenticated, Forbidden, and BadCall where the body names no model."""
        secret = presented_secret(exchange.call.headers, self._key_header)
        principal = await self._keys.find(secret)
        if principal is None:
            raise refusal(secret)
        exchange.principal = principal
        model = exchange.call.model
        if not principal.may_use(model):
            shown = model[:200]
            raise Forbidden(f"The requested model {shown!r} is not available for this API key.")
        async for event in proceed():
            yield event
