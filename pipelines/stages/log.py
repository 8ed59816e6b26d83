"""One record for every call, whatever became of it.

The rule: this stage wraps all the others, so that it sees refusals, and it never waits.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from pipelines.begun import begun
from pipelines.call import Call
from pipelines.clock import Clock
from pipelines.errors import ClientError, GatewayError, ShuttingDown, UpstreamError
from pipelines.events import Data, Flow, Head, Proceed
from pipelines.exchange import Attempt, Exchange, Principal
from pipelines.ports import Beginnings, Hearing, Journal, TextKeeper
from pipelines.quotes import without_quotes
from pipelines.record import AttemptRecord, Record
from pipelines.told import told_by

CLIENT_GONE = 499
LONGEST_NAME = 200
# What a stream has consumed is written down every so many bytes of it, and sooner at first: most
# are short.
KEEP_EVERY = 8 * 1024
KEEP_FIRST = 1024
# By which providers know a call, and can be asked about it.
REQUEST_IDS = frozenset(
    {
        b"x-request-id",
        b"request-id",
        b"apim-request-id",
        b"x-amzn-requestid",
        b"x-goog-request-id",
        b"mistral-correlation-id",
        b"x-debug-trace-id",
    }
)


class Log:
    """Writes the record when the flow is over."""

    name = "log"
    needs: frozenset[str] = frozenset()
    gives: frozenset[str] = frozenset()

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        beginnings: Beginnings | None = None,
        texts: TextKeeper | None = None,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._beginnings = beginnings
        self._texts = texts

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        """Pass the flow on, and put one record into the journal at its end. Raises JournalFull."""
        # Auth may put another one in its place.
        seen = _Seen(exchange.call)
        try:
            if self._beginnings is not None:
                self._beginnings.admit()
            async for event in proceed():
                if type(event) is Data:
                    seen.sent += len(event.raw)
                    if seen.sent > seen.kept:
                        self._keep(exchange, seen)
                    if seen.hearing is not None:
                        seen.hearing.take(event.raw)
                elif type(event) is Head:
                    seen.status = event.status
                    if self._texts is not None:
                        seen.hearing = self._texts.hear(exchange, event.media)
                else:
                    seen.ended = True
                yield event
        finally:
            seen.fault = None if seen.ended else sys.exception()
            seen.now = self._clock.monotonic()
            exchange.when_over(lambda: self._put(exchange, seen))

    def _put(self, exchange: Exchange, seen: _Seen) -> None:
        hearing = seen.hearing
        if hearing is None and self._texts is not None and not seen.status:
            hearing = self._texts.hear(exchange, None)
        (self._journal if hearing is None else hearing).put(_record(exchange, seen))

    def _keep(self, exchange: Exchange, seen: _Seen) -> None:
        # Before the bytes leave the house, and again from time to time: the process may be killed.
        seen.kept = seen.sent + min(KEEP_EVERY, KEEP_FIRST + seen.sent)
        if self._beginnings is not None:
            now = self._clock.monotonic()
            self._beginnings.begin(begun(exchange, seen.status, now))


class _Seen:
    """What passed, and how it ended; `sent` is in bytes, and `kept` for how many of them what was
    consumed need not be written down."""

    __slots__ = ("asked", "ended", "fault", "hearing", "kept", "now", "sent", "status")

    def __init__(self, asked: Call) -> None:
        self.asked = asked
        self.status = self.sent = self.kept = 0
        self.ended = False
        self.fault: BaseException | None = None
        self.hearing: Hearing | None = None
        self.now = 0.0


def _record(exchange: Exchange, seen: _Seen) -> Record:
    exchange.close_attempt()
    call = exchange.call
    outcome, status = _outcome(exchange, seen)
    parsed, asked, now = call.parsed, seen.asked.parsed, seen.now
    record = Record(
        id=exchange.id,
        operation=call.operation.name,
        outcome=outcome,
        status=status,
        duration=now - exchange.arrived,
        model=parsed["model"][:LONGEST_NAME] if parsed else None,
        streaming=bool(parsed) and call.streaming,
        usage=exchange.total_usage,
        cost=exchange.total_cost,
        first_byte=_since(exchange.arrived, exchange.first_byte),
        fallbacks=exchange.fallbacks,
        attempts=tuple([_tried(one, exchange, now) for one in exchange.attempts]),
        error=_words(seen.fault, parsed),
        client=call.client,
        losses=tuple(exchange.losses),
        serial=exchange.serial,
        started=exchange.started,
        cost_source=exchange.cost_source,
        cache=exchange.cache,
        cache_key=exchange.cache_key,
        mirror_of=exchange.mirror_of,
        route=call.operation.path,
        received_bytes=len(seen.asked.raw),
        sent_bytes=seen.sent,
        overhead=_overhead(exchange, now),
        requested_model=asked["model"][:LONGEST_NAME] if asked else None,
        error_class=_class(outcome, seen.fault),
        provider_status=_provider_status(seen.fault),
    )
    _tell_client(record, seen.asked)
    if exchange.known_principal is not None:
        _tell_caller(record, exchange.known_principal)
    if exchange.attempts:
        _tell_provider(record, exchange.attempts[-1])
    return record


def _tell_client(record: Record, call: Call) -> None:
    told = told_by(call)
    record.session_id, record.trace_id = told.session_id, told.trace_id
    record.parent_span, record.metadata = told.parent_span, told.metadata
    record.user_agent = told.user_agent


def _tell_caller(record: Record, principal: Principal) -> None:
    record.key, record.key_id = principal.alias, principal.key_id
    record.key_digest = principal.digest
    record.user_id, record.user_email = principal.user_id, principal.user_email
    record.team_id, record.team_alias = principal.team_id, principal.team_alias
    record.organization_id = principal.organization_id
    record.end_user, record.tags = principal.end_user, principal.tags


def _tell_provider(record: Record, attempt: Attempt) -> None:
    deployment = attempt.deployment
    record.deployment, record.provider = deployment.id, deployment.provider.name
    record.upstream_model = deployment.model[:LONGEST_NAME]
    record.model_group, record.api_base = deployment.group[:LONGEST_NAME], deployment.base_url
    record.provider_request_id = _request_id(attempt)


def _tried(attempt: Attempt, exchange: Exchange, now: float) -> AttemptRecord:
    fault, deployment = attempt.error, attempt.deployment
    return AttemptRecord(
        deployment.id,
        (attempt.ended or now) - attempt.started,
        _told(fault, exchange.call.parsed) if fault else None,
        attempt.kind,
        (fault.code or fault.type) if fault else None,
        _since(attempt.started, attempt.first_byte),
        attempt.cost,
        attempt.started - exchange.arrived,
        deployment.provider.name,
        deployment.model[:LONGEST_NAME],
        type(fault).__name__ if fault else "",
        _provider_status(fault),
    )


def _told(fault: GatewayError, body: Mapping[str, Any] | None) -> str:
    words = without_quotes(fault.message, body)
    if fault.details and "retry_budget" in fault.details:
        return f"{words} (not tried again: the retry budget is used up)"
    return words


def _outcome(exchange: Exchange, seen: _Seen) -> tuple[str, int]:
    status, fault = seen.status, seen.fault
    if seen.ended:
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


def _words(fault: BaseException | None, body: Mapping[str, Any] | None) -> str | None:
    if isinstance(fault, GatewayError):
        return without_quotes(fault.message, body)
    return type(fault).__name__ if isinstance(fault, Exception) else None


def _since(start: float, moment: float | None) -> float | None:
    return None if moment is None else moment - start


def _class(outcome: str, fault: BaseException | None) -> str:
    if outcome in ("ok", "client_gone"):
        return ""
    if isinstance(fault, Exception):
        return type(fault).__name__
    return "ShuttingDown" if outcome == "shutdown" else "StreamBroken"


def _provider_status(fault: BaseException | None) -> int | None:
    return fault.provider_status if isinstance(fault, UpstreamError) else None


def _request_id(attempt: Attempt) -> str:
    for name, value in attempt.heard:
        if name in REQUEST_IDS:
            return value[:LONGEST_NAME].decode("latin-1")
    return ""


def _overhead(exchange: Exchange, now: float) -> float | None:
    if exchange.cache == "joined":
        # It waited for another call's provider.
        return None
    first = exchange.first_byte
    if not exchange.attempts:
        return (now if first is None else first) - exchange.arrived
    before = exchange.attempts[0].started - exchange.arrived
    spoke = exchange.attempts[-1].first_byte
    return before if first is None or spoke is None else before + max(0.0, first - spoke)
