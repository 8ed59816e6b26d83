"""Which deployment serves the call.

The rule: until the first byte has left the house, anything may be tried again; after it, only what
goes on from what was said.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from pipelines.call import Call
from pipelines.continuation import Continuation
from pipelines.errors import GatewayError, OutOfTime, Unsupported, UpstreamError
from pipelines.events import Data, End, Event, Flow, Head, Proceed
from pipelines.exchange import Attempt, Exchange
from pipelines.mirrors import Mirrors
from pipelines.ports import Spawner
from pipelines.routing.attempts import Attempts
from pipelines.routing.choice import CallChoice, Chooser, unknown_model
from pipelines.routing.deadline import Deadline
from pipelines.routing.race import Race, Track
from pipelines.routing.tries import Rules, Tries
from pipelines.routing.wishes import NO_WISHES, Wishes, resolved, wishes_of


@dataclass(slots=True)
class Run:
    """What route knows of one call; `call` is the client's own, `begun` says whether a byte of the
    reply has left the house, and `cut` what ended it there."""

    call: Call
    wishes: Wishes
    choice: CallChoice
    tries: Tries
    deadline: Deadline
    begun: bool = False
    cut: UpstreamError | Unsupported | None = None
    race: Race | None = None


class Route:
    """Tries the deployments of the model in turn; holds the head back until a byte proves one."""

    name = "route"
    needs = frozenset({"principal"})
    gives = frozenset({"deployment"})

    def __init__(
        self,
        rules: Rules,
        chooser: Chooser,
        spawner: Spawner | None = None,
        mirrors: Mirrors | None = None,
    ) -> None:
        self._rules = rules
        self._chooser = chooser
        self._clock = chooser.clock
        self._attempts = Attempts(chooser.view, chooser.clock)
        self._mirrors = mirrors
        self._track: Track | None = None
        if spawner is not None:
            hedging, traffic = rules.policy.hedging, chooser.view.traffic
            self._track = Track(spawner.spawn, self._clock, self._attempts, hedging, traffic)

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        """Raises UnknownModel, NoDeployment, OutOfTime, BadCall and Forbidden where the call's own
        fallbacks make no sense, and the last attempt's UpstreamError or Unsupported."""
        run = self._run(exchange)
        books, last = self._attempts, None
        while True:
            attempt = self._begin(exchange, run, last)
            head: Head | None = None
            over = False
            try:
                async for event in await self._open(exchange, run, attempt, proceed):
                    if attempt.committed:
                        yield event
                    elif type(event) is Head:
                        head = event
                    else:
                        attempt = self._answered(exchange, run, attempt)
                        if head is not None and not run.begun:
                            yield head
                        run.begun = True
                        yield event
                over = True
                books.succeeded(exchange, attempt, run.wishes)
                return
            except (UpstreamError, Unsupported) as error:
                over = True
                books.failed(exchange, attempt, error, run.tries.alone, run.deadline.hurried)
                last = error
                if run.begun and exchange.continuation and exchange.continuation.whole:
                    # What the calls wait for is with the client.
                    exchange.losses.append("cut:provider")
                    yield Data(exchange.continuation.finish(exchange.total_usage))
                    yield End(exchange.usage)
                    return
                wait = self._after(exchange, run, error)
            finally:
                if run.race is not None:
                    attempt = run.race.attempt
                    run.race.leave()
                    run.race = None
                if not over:
                    books.left(exchange, attempt)
            if exchange.reservation is not None:
                exchange.reservation.settle()
            if wait:
                await self._clock.sleep(wait)

    def _run(self, exchange: Exchange) -> Run:
        call, rules = exchange.call, self._rules
        wishes = wishes_of(call)
        if wishes is not NO_WISHES:
            wishes = resolved(wishes, exchange.principal)
        model = call.model
        members = rules.routes.find(model)
        if not members:
            raise unknown_model(exchange, rules.routes)
        choice = self._chooser.for_call(exchange, wishes, members[0].group)
        tries = Tries(model, rules, choice, wishes)
        deadline = Deadline(exchange, rules.policy, wishes)
        exchange.effort = (tries.allowed(), deadline.total)
        return Run(call, wishes, choice, tries, deadline)

    def _begin(self, exchange: Exchange, run: Run, last: GatewayError | None) -> Attempt:
        tries = run.tries
        deployment = tries.next()
        if deployment is None:
            if last is not None:
                raise last
            raise run.choice.nobody(run.call.model, self._rules.routes.find(run.call.model))
        exchange.fallbacks = tries.fallbacks
        if exchange.call is not run.call or tries.fields:
            exchange.call = run.call.altered(tries.fields) if tries.fields else run.call
        attempt = self._attempts.begin(exchange, deployment)
        if run.begun:
            attempt.kind = "continue"
        elif last is not None or tries.fallbacks:
            attempt.kind = tries.kind
        if not run.begun:
            lasts = deployment.continues and exchange.call.streaming
            exchange.continuation = Continuation() if lasts else None
        exchange.patience = run.deadline.patience(exchange, deployment, tries.spare)
        return attempt

    async def _open(
        self, exchange: Exchange, run: Run, attempt: Attempt, proceed: Proceed
    ) -> AsyncIterator[Event]:
        """The events of the attempt that begins, or of the one that outruns it."""
        deployment = attempt.deployment
        if deployment.hedges and self._track is not None and not run.begun:
            run.race = self._track.race(exchange, run.tries, run.deadline)
            if run.race is not None:
                return run.race
        if exchange.reservation is not None:
            await exchange.reservation.take(deployment)
        return proceed()

    def _answered(self, exchange: Exchange, run: Run, attempt: Attempt) -> Attempt:
        """The first byte came; gives whose it is."""
        if run.race is not None:
            attempt = run.race.attempt
        self._attempts.answered(attempt)
        if attempt.deployment.mirror and self._mirrors is not None and not run.begun:
            self._mirrors.copy(exchange, run.call, attempt.deployment)
        return attempt

    def _after(self, exchange: Exchange, run: Run, error: UpstreamError | Unsupported) -> float:
        """How long to wait before the next try. Raises the error where there is none, and OutOfTime
        where the call has no time for one."""
        told = error
        if run.begun:
            # That nobody can go on is not what went wrong.
            told = run.cut = run.cut if run.cut and isinstance(error, Unsupported) else error
            if not (exchange.continuation and exchange.continuation.possible):
                raise told
        left = run.deadline.left(self._clock.monotonic())
        wait = run.tries.failed(error, left, run.begun)
        if wait is None:
            raise told
        if left <= wait:
            raise OutOfTime(
                f"The {run.deadline.total:g} seconds that this call may take are over. The last"
                f" try ended so: {error.message}"
            ) from error
        return wait
