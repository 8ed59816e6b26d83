"""The books of every attempt: who is asked, how it goes, and what is learned from it.

The rule: an attempt is begun and ended once; a client that leaves says nothing about a deployment,
and neither does one that was in a greater hurry than the operator.
"""

from __future__ import annotations

from pipelines.clock import Clock
from pipelines.deployment import Deployment
from pipelines.errors import ClientError, FirstByteTimeout, GatewayError
from pipelines.exchange import Attempt, Exchange
from pipelines.quotes import without_quotes
from pipelines.routing.filters import View
from pipelines.routing.wishes import Wishes


class Attempts:
    """Keeps the books of attempts in what is known of deployments."""

    def __init__(self, view: View, clock: Clock) -> None:
        self._view = view
        self._clock = clock

    def begin(self, exchange: Exchange, deployment: Deployment) -> Attempt:
        """One more attempt begins."""
        now = self._clock.time()
        self._view.health.begin(deployment, now)
        self._view.traffic.begin(deployment.id, now)
        return exchange.attempt(deployment, self._clock.monotonic())

    def answered(self, attempt: Attempt) -> None:
        """Its first byte came."""
        attempt.committed = True
        attempt.first_byte = self._clock.monotonic()
        if self._view.health.probing:
            self._view.health.answered(attempt.deployment, self._clock.time())

    def succeeded(self, exchange: Exchange, attempt: Attempt, wishes: Wishes) -> None:
        """It is over, and went well."""
        now = self._end(exchange, attempt)
        view, deployment = self._view, attempt.deployment
        view.health.succeeded(deployment, now)
        self._learn(exchange, attempt, now)
        if view.affinity is not None:
            view.affinity.served(deployment, exchange, wishes, now)

    def failed(
        self, exchange: Exchange, attempt: Attempt, error: GatewayError, alone: bool, hurried: bool
    ) -> None:
        """It is over with an error; `alone`: its group has no other deployment; `hurried`: the
        client gave it less time than the operator would have."""
        attempt.error = error
        now = self._end(exchange, attempt)
        late = isinstance(error, FirstByteTimeout)
        if late:
            self._learn(exchange, attempt, now)
        if isinstance(error, ClientError) or (late and hurried):
            self._view.health.left(attempt.deployment)
            return
        # Others are told the reason of a rest, and providers repeat prompts.
        words = without_quotes(error.message, exchange.call.parsed)
        self._view.health.failed(attempt.deployment, error, now, alone, words)

    def left(self, exchange: Exchange, attempt: Attempt) -> None:
        """It is over without having come to an end."""
        self._end(exchange, attempt)
        self._view.health.left(attempt.deployment)

    def outrun(self, exchange: Exchange, attempt: Attempt) -> None:
        """Another one was faster; how long this one was waited for says something of it."""
        now = self._end(exchange, attempt)
        self._view.health.left(attempt.deployment)
        if exchange.call.streaming and attempt.first_byte is None:
            waited = (attempt.ended or attempt.started) - attempt.started
            self._view.traffic.spoke(attempt.deployment.id, now, waited)

    def _end(self, exchange: Exchange, attempt: Attempt) -> float:
        attempt.ended = self._clock.monotonic()
        now = self._clock.time()
        self._view.traffic.end(attempt.deployment.id, now, exchange.usage.total_tokens)
        return now

    def _learn(self, exchange: Exchange, attempt: Attempt, now: float) -> None:
        traffic, id = self._view.traffic, attempt.deployment.id
        end = attempt.ended or attempt.started
        if exchange.call.streaming:
            traffic.spoke(id, now, (attempt.first_byte or end) - attempt.started)
        else:
            traffic.told(id, now, end - attempt.started, exchange.usage.completion_tokens)
