"""Which deployment serves the call.

The rule: until the first byte has left the house, anything may be tried again; after it, nothing.
"""

from __future__ import annotations

from random import Random

from pipelines.clock import Clock
from pipelines.errors import UnknownModel, Unsupported, UpstreamError
from pipelines.events import Flow, Head, Proceed
from pipelines.exchange import Exchange
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.routes import Routes
from pipelines.routing.shuffle import Shuffle
from pipelines.routing.tries import Tries


class Route:
    """Tries the deployments of the model in turn; holds the head back until a byte proves one."""

    name = "route"
    needs = frozenset({"principal"})
    gives = frozenset({"deployment"})

    def __init__(self, routes: Routes, policy: RoutePolicy, clock: Clock, random: Random) -> None:
        self._routes = routes
        self._policy = policy
        self._clock = clock
        self._random = random
        self._chooser = Shuffle(random)

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        """Raises UnknownModel, and the last attempt's UpstreamError or Unsupported."""
        model = exchange.call.model
        tries = Tries(model, self._routes, self._policy, self._random)
        while True:
            deployment = tries.next(self._chooser)
            if deployment is None:
                raise self._unknown(model, exchange)
            attempt = exchange.attempt(deployment, self._clock.monotonic())
            head: Head | None = None
            try:
                if exchange.reservation is not None:
                    await exchange.reservation.take(deployment)
                async for event in proceed():
                    if attempt.committed:
                        yield event
                    elif type(event) is Head:
                        head = event
                    else:
                        attempt.committed = True
                        attempt.first_byte = self._clock.monotonic()
                        if head is not None:
                            yield head
                        yield event
                attempt.ended = self._clock.monotonic()
                return
            except (UpstreamError, Unsupported) as error:
                attempt.error = error
                attempt.ended = self._clock.monotonic()
                wait = None if attempt.committed else tries.failed(error)
                if wait is None:
                    raise
                exchange.fallbacks = tries.fallbacks
            if wait:
                await self._clock.sleep(wait)

    def _unknown(self, model: str, exchange: Exchange) -> UnknownModel:
        names = (*self._routes.names, *self._routes.wildcards)
        return UnknownModel(model, [name for name in names if exchange.principal.may_use(name)])
