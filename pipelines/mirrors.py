"""Copies calls to another model, whose answers nobody reads.

The rule: the client waits for none of it and pays for none of it; a copy is a call of its own, of
the caller `mirror`, and it is never copied again. Beyond what may run and wait, copies are dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pipelines.allowance import Allowance, Budget
from pipelines.call import Call
from pipelines.clock import Clock
from pipelines.deployment import Deployment
from pipelines.errors import GatewayError
from pipelines.exchange import Exchange, Passes, Principal
from pipelines.pump import Spawn
from pipelines.stage import Stage

STAGE = "cache"
MOST = 16
WAITING = 64
SCOPE = "mirror"
# Its account is only counted: what it may spend is the operator's own decision.
MIRROR = Principal(
    SCOPE, allowances=(Allowance(SCOPE, "the copies of calls", (Budget(None),)),), role=SCOPE
)


@dataclass(slots=True)
class _Copy:
    """One call to be made; `chain` is that of the call that it is a copy of."""

    id: str
    call: Call
    model: str
    region: str
    chain: Passes


class Mirrors:
    """Makes the copies: at most `most` at a time, while `waiting` more may wait. `around` are the
    stages that keep the books of them; `dropped` counts those that were not made."""

    def __init__(
        self,
        spawn: Spawn,
        clock: Clock,
        chance: Callable[[], float],
        around: Sequence[Stage],
        most: int = MOST,
        waiting: int = WAITING,
    ) -> None:
        self._spawn = spawn
        self._clock = clock
        self._chance = chance
        self._around = tuple(around)
        self._most = most
        self._longest = waiting
        self._waiting: deque[_Copy] = deque()
        self._running = 0
        self.dropped = 0

    def copy(self, exchange: Exchange, call: Call, deployment: Deployment) -> None:
        """Copy a call to the model that this deployment names, or let it be, as its share says."""
        share = deployment.mirror_share
        passage = exchange.passage
        if exchange.mirror_of or passage is None or (share < 1 and self._chance() >= share):
            return
        if call.json.get("previous_response_id") is not None:
            # The turns before it are the client's own.
            return
        region = exchange.principal.region
        copy = _Copy(exchange.id, call, deployment.mirror, region, passage)
        if self._running < self._most:
            self._start(copy)
        elif len(self._waiting) < self._longest:
            self._waiting.append(copy)
        else:
            self.dropped += 1

    def _start(self, copy: _Copy) -> None:
        self._running += 1
        self._spawn(self._run(copy), "mirror")

    async def _run(self, copy: _Copy) -> None:
        try:
            async with copy.chain.apart(STAGE, self._exchange(copy), self._around) as flow:
                async for _ in flow:
                    pass
        except GatewayError:
            # Its record tells of it.
            return
        finally:
            self._running -= 1
            if self._waiting:
                self._start(self._waiting.popleft())

    def _exchange(self, copy: _Copy) -> Exchange:
        call = copy.call.altered({"model": copy.model})
        call.conversation = None
        made = Exchange(f"{copy.id}-mirror", call, self._clock.monotonic())
        made.started, made.mirror_of = self._clock.time(), copy.id
        made.principal = replace(MIRROR, region=copy.region) if copy.region else MIRROR
        return made
