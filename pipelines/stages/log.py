"""One record for every call, whatever became of it.

The rule: this stage wraps all the others, so that it sees refusals, and it never waits.
"""

from __future__ import annotations

import sys

from pipelines.clock import Clock
from pipelines.errors import ClientError, GatewayError, ShuttingDown, UpstreamError
from pipelines.events import End, Flow, Head, Proceed
from pipelines.exchange import Attempt, Exchange
from pipelines.ports import Journal
from pipelines.record import AttemptRecord, Record

CLIENT_GONE = 499
LONGEST_NAME = 200


class Log:
    """Writes the record when the flow is over."""

    name = "log"
    needs: frozenset[str] = frozenset()
    gives: frozenset[str] = frozenset()

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        """Pass the flow on, and put one record into the journal at its end."""
        status = 0
        ended = False
        try:
            async for event in proceed():
                if type(event) is Head:
                    status = event.status
                elif type(event) is End:
                    ended = True
                yield event
        finally:
            fault = None if ended else sys.exception()
            self._journal.put(_record(exchange, status, ended, fault, self._clock.monotonic()))


def _record(
    exchange: Exchange, status: int, ended: bool, fault: BaseException | None, now: float
) -> Record:
    attempt = exchange.attempts[-1] if exchange.attempts else None
    deployment = attempt.deployment if attempt else None
    principal = exchange.known_principal
    call = exchange.call
    outcome, seen = _outcome(exchange, status, ended, fault)
    parsed = call.parsed
    return Record(
        id=exchange.id,
        operation=call.operation.name,
        outcome=outcome,
        status=seen,
        duration=now - exchange.arrived,
        key=principal.alias if principal else None,
        model=parsed["model"][:LONGEST_NAME] if parsed else None,
        deployment=deployment.id if deployment else None,
        provider=deployment.provider.name if deployment else None,
        upstream_model=deployment.model[:LONGEST_NAME] if deployment else None,
        streaming=bool(parsed) and call.streaming,
        usage=exchange.usage,
        cost=exchange.cost,
        first_byte=_since(exchange.arrived, exchange.first_byte),
        fallbacks=exchange.fallbacks,
        attempts=tuple([_tried(one, now) for one in exchange.attempts]),
        error=_words(fault),
        client=call.client,
        losses=tuple(exchange.losses),
        serial=exchange.serial,
        started=exchange.started,
        cost_source=exchange.cost_source,
        key_id=principal.key_id if principal else "",
        user_id=principal.user_id if principal else None,
        team_id=principal.team_id if principal else None,
        organization_id=principal.organization_id if principal else None,
        end_user=principal.end_user if principal else None,
        tags=principal.tags if principal else (),
    )


def _tried(attempt: Attempt, now: float) -> AttemptRecord:
    error = attempt.error.message if attempt.error else None
    return AttemptRecord(attempt.deployment.id, (attempt.ended or now) - attempt.started, error)


def _outcome(
    exchange: Exchange, status: int, ended: bool, fault: BaseException | None
) -> tuple[str, int]:
    if ended:
        return "ok", status
    if exchange.client_gone:
        return "client_gone", CLIENT_GONE
    if isinstance(fault, GatewayError) and not status:
        kind = "refused" if isinstance(fault, ClientError) else "failed"
        return kind, fault.status
    if fault is None or isinstance(fault, UpstreamError):
        return "broken", status or 500
    if isinstance(fault, Exception):
        return "failed", status or 500
    return "shutdown", status or ShuttingDown.status


def _words(fault: BaseException | None) -> str | None:
    if isinstance(fault, GatewayError):
        return fault.message
    return type(fault).__name__ if isinstance(fault, Exception) else None


def _since(start: float, moment: float | None) -> float | None:
    return None if moment is None else moment - start
