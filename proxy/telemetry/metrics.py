"""Counts every call for Prometheus.

The rule: all that is known of a call is counted from its record, in a few microseconds: where its
numbers stand is found once for all calls that differ in nothing that is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from pipelines.record import AttemptRecord, Record
from pipelines.routing.routes import Routes
from proxy.config.metering import BY_WISH, MetricSettings
from proxy.telemetry.metric_families import OTHER, Families, observe
from proxy.telemetry.metric_rows import Row

MOST_ROWS = 2048
MOST_TRIES = 64
FAILED = frozenset({"refused", "failed", "broken", "shutdown"})
FROM_CACHE = frozenset({"hit", "joined"})


class Metrics:
    """A journal that only counts; `put` never waits and never raises."""

    def __init__(self, families: Families, choice: MetricSettings, routes: Routes) -> None:
        self._families = families
        self._numbers = families.cells.numbers
        self._choice = choice
        self._routes = routes
        self._rows: dict[tuple[Any, ...], Row] = {}
        self._by_client = any(not BY_WISH.isdisjoint(one) for one in choice.labels.values())
        self._extended = bool(choice.metadata or choice.tags or self._by_client)

    def put(self, record: Record) -> None:
        """Count the call."""
        usage = record.usage
        key: tuple[Any, ...] = (
            record.requested_model,
            record.deployment,
            record.upstream_model,
            record.key_digest,
            record.key,
            record.team_id,
            record.team_alias,
            record.user_id,
            record.end_user if self._choice.end_users else None,
            record.status,
            record.outcome,
            record.error_class,
            record.route,
            record.cache,
            record.streaming,
            usage.service_tier,
        )
        if self._extended:
            key += self._extension(record)
        row = self._rows.get(key)
        if row is None:
            row = self._made(key, record)
        if not record.mirror_of:
            self._served(record, row)
        if usage.prompt_tokens or usage.completion_tokens or record.cost:
            self._consumed(record, row)
        attempts = record.attempts
        if attempts:
            if len(attempts) > 1 or attempts[-1].error is not None or record.outcome != "ok":
                self._tried(record, row)
            else:
                numbers = self._numbers
                numbers[row.tried] += 1
                numbers[row.served] += 1

    def _served(self, record: Record, row: Row) -> None:
        numbers = self._numbers
        numbers[row.total] += 1
        numbers[row.outcome] += 1
        numbers[row.cache] += 1
        if record.received_bytes:
            numbers[row.received] += record.received_bytes
        if record.sent_bytes:
            numbers[row.sent] += record.sent_bytes
        if record.overhead is not None:
            observe(numbers, row.overhead, row.buckets, record.overhead)
            observe(numbers, row.own_overhead, row.overhead_buckets, record.overhead)
        if record.outcome == "ok":
            self._went_well(record, row)
        elif record.outcome in FAILED:
            numbers[row.failed] += 1

    def _went_well(self, record: Record, row: Row) -> None:
        numbers, buckets, duration = self._numbers, row.buckets, record.duration
        numbers[row.requests] += 1
        observe(numbers, row.latency, buckets, duration)
        streams, begun = record.streaming, record.first_byte
        if streams and begun is not None:
            observe(numbers, row.own_first_token, buckets, begun)
        if record.cache in FROM_CACHE:
            numbers[row.hits] += 1
            numbers[row.tokens_from_cache] += record.usage.total_tokens
            return
        if record.cache == "miss":
            numbers[row.misses] += 1
        if not record.attempts:
            return
        last, tokens = record.attempts[-1], record.usage.completion_tokens
        observe(numbers, row.llm_latency, buckets, last.seconds)
        if streams and last.first_byte is not None:
            observe(numbers, row.first_token, buckets, last.first_byte)
        if tokens:
            observe(numbers, row.pace, buckets, last.seconds / tokens)
            if streams and begun is not None and duration > begun:
                observe(numbers, row.own_pace, row.pace_buckets, tokens / (duration - begun))

    def _consumed(self, record: Record, row: Row) -> None:
        numbers, usage = self._numbers, record.usage
        if record.cost:
            numbers[row.spend] += record.cost
        elif record.cost is None and record.outcome == "ok":
            numbers[row.unpriced] += 1
        numbers[row.input] += usage.prompt_tokens
        numbers[row.output] += usage.completion_tokens
        numbers[row.tokens] += usage.prompt_tokens + usage.completion_tokens
        if usage.cached_tokens:
            numbers[row.input_cached] += usage.cached_tokens
            numbers[row.provider_read] += usage.cached_tokens
        if usage.cache_write_tokens:
            numbers[row.input_written] += usage.cache_write_tokens
            numbers[row.provider_written] += usage.cache_write_tokens
        if usage.reasoning_tokens:
            numbers[row.reasoning] += usage.reasoning_tokens
        if usage.audio_input_tokens:
            numbers[row.audio_in] += usage.audio_input_tokens
        if usage.audio_output_tokens:
            numbers[row.audio_out] += usage.audio_output_tokens
        if usage.images:
            numbers[row.images] += usage.images
        if usage.estimated:
            numbers[row.estimated] += 1

    def _tried(self, record: Record, row: Row) -> None:
        """Count attempts of which some may have failed."""
        families, numbers, failed = self._families, self._numbers, None
        last = record.attempts[-1]
        for one in record.attempts:
            numbers[self._try(one, row, "total_requests")] += 1
            if one.error is not None:
                failed = one
                numbers[self._try(one, row, "failure_responses")] += 1
            elif one is last and record.outcome == "ok":
                numbers[self._try(one, row, "success_responses")] += 1
        for one in record.attempts[1:]:
            families.add("headgate_retries_total", kind=one.kind)
        if failed is None:
            return
        if last.error is not None and record.outcome in FAILED:
            name = "litellm_llm_api_failed_requests_metric"
            self._numbers[families.at(name, row.values)] += 1
        if record.fallbacks:
            well = "failed" if record.outcome in FAILED else "successful"
            values = {**row.values, **_fault(failed), "fallback_model": record.model_group or OTHER}
            name = f"litellm_deployment_{well}_fallbacks"
            self._numbers[families.at(name, values)] += 1

    def _try(self, attempt: AttemptRecord, row: Row, what: str) -> int:
        """Where attempts like this one are counted."""
        key = (
            what,
            attempt.deployment,
            attempt.model,
            attempt.provider_status,
            attempt.error_class,
        )
        place = row.tries.get(key)
        if place is None:
            values = {**row.values, **self._place(attempt), **_fault(attempt)}
            if len(row.tries) >= MOST_TRIES:
                row.tries.clear()
            place = row.tries[key] = self._families.at(f"litellm_deployment_{what}", values)
        return place

    def _place(self, attempt: AttemptRecord) -> Mapping[str, str]:
        known = next(
            (one for one in self._routes.deployments if one.id == attempt.deployment), None
        )
        return {
            "model_group": known.group if known else "",
            "litellm_model_name": attempt.model,
            "model_id": attempt.deployment,
            "api_base": known.base_url if known else "",
            "api_provider": attempt.provider,
        }

    def _made(self, key: tuple[Any, ...], record: Record) -> Row:
        if len(self._rows) >= MOST_ROWS:
            del self._rows[next(iter(self._rows))]
        values = self._values(record) | self._extra(record)
        row = self._rows[key] = Row(self._families, values, self._choice.buckets)
        return row

    def _values(self, record: Record) -> dict[str, str]:
        asked = record.requested_model or record.model or ""
        # Whoever is refused may have made it up.
        if asked and record.deployment is None and not self._routes.find(asked):
            asked = OTHER
        given = {
            "end_user": record.end_user,
            "hashed_api_key": record.key_digest,
            "api_key_alias": record.key,
            "requested_model": asked,
            "model_group": record.model_group,
            "model": record.upstream_model or asked,
            "litellm_model_name": record.upstream_model,
            "team": record.team_id,
            "team_alias": record.team_alias,
            "user": record.user_id,
            "user_email": record.user_email,
            "status_code": str(record.status),
            "exception_status": str(record.status),
            "exception_class": record.error_class,
            "route": record.route,
            "client_ip": record.client,
            "user_agent": record.user_agent,
            "model_id": record.deployment,
            "api_base": record.api_base,
            "api_provider": record.provider,
            "service_tier": record.usage.service_tier,
            "stream": "True" if record.streaming else "False",
            "outcome": record.outcome,
            "cache": record.cache,
        }
        return {name: value for name, value in given.items() if value}

    def _extra(self, record: Record) -> dict[str, str]:
        choice = self._choice
        found = {
            name: value
            for name, path in choice.metadata.items()
            if isinstance(value := _within(record.metadata, path), str)
        }
        for name, pattern in choice.tags.items():
            has = any(tag == pattern or fnmatchcase(tag, pattern) for tag in record.tags)
            found[name] = "true" if has else "false"
        return found

    def _extension(self, record: Record) -> tuple[str, ...]:
        client = (record.client, record.user_agent) if self._by_client else ()
        return (*client, *(f"{a}={b}" for a, b in self._extra(record).items()))


def _within(metadata: Mapping[str, Any], path: str) -> object:
    value: object = metadata
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _fault(attempt: AttemptRecord) -> dict[str, str]:
    status = attempt.provider_status
    return {
        "exception_status": str(status) if status else "",
        "exception_class": attempt.error_class or attempt.code or "",
    }
