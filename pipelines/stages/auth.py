"""Who calls, and may they?

The rule: nothing behind this stage runs for a caller who is not known, and nothing is said about a
body to a stranger.
"""

from __future__ import annotations

from pipelines.access import check_route
from pipelines.addresses import Addresses, check_address
from pipelines.events import Flow, Proceed
from pipelines.exchange import Exchange, Principal
from pipelines.keys import LITELLM_HEADER, refusal, secret_in
from pipelines.parties import PartyRules, noted
from pipelines.ports import KeyStore, Users


class Auth:
    """Finds the caller by the key and those that it calls for, and checks what they may use."""

    name = "auth"
    needs: frozenset[str] = frozenset()
    gives = frozenset({"principal"})

    def __init__(
        self,
        keys: KeyStore,
        key_header: bytes = LITELLM_HEADER,
        users: Users | None = None,
        parties: PartyRules | None = None,
        addresses: Addresses | None = None,
    ) -> None:
        self._keys = keys
        self._key_header = key_header
        self._users = users
        self._parties = parties or PartyRules()
        self._addresses = addresses or Addresses()

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        """Raises Unauthenticated, Forbidden, StoreUnavailable, and BadCall where the body names no
        model."""
        secret = secret_in(exchange.call.named, self._key_header)
        principal = await self._keys.find(secret)
        if principal is None:
            raise refusal(secret)
        exchange.principal = principal
        self._check(exchange, principal)
        party = self._parties.party(exchange.call)
        if party is not None:
            if self._users is None:
                principal = noted(principal, party)
            else:
                principal = await self._users.joined(principal, party)
            exchange.principal = principal
        model = exchange.call.model
        sent = principal.outgoing(model)
        if party is not None and party.task is not None and self._parties.task_model is not None:
            # The operator chose it for everybody, so nobody has to be allowed to use it.
            sent = self._parties.task_model
        if sent != model:
            exchange.call = exchange.call.altered({"model": sent})
        async for event in proceed():
            yield event

    def _check(self, exchange: Exchange, principal: Principal) -> None:
        call, addresses = exchange.call, self._addresses
        if addresses.allowed or principal.networks:
            client = addresses.client(call.client, call.headers)
            check_address(client, addresses.allowed, principal.networks)
        if principal.routes:
            check_route(principal.routes, call.operation.path, "llm")
