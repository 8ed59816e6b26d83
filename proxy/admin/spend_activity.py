"""The routes that count calls by day: all of them, by model, those that were limited, and those
that the cache answered.

The rule: a caller's counts are those of the calls that he may read about.
"""

from __future__ import annotations

from typing import Any

from proxy.admin.fields import Body, Moment, Name
from proxy.admin.frame import Endpoint
from proxy.admin.roles import EVERYBODY
from proxy.admin.session import Session
from proxy.admin.shorthand import getting
from proxy.admin.spend_rows import call_type
from proxy.admin.spend_seen import asked, calls_of, date_of, days, digests
from proxy.stores.journal.sums import Totals

MOST_GROUPS = 10


class ActivityQuery(Body):
    """The days."""

    start_date: Moment | None = None
    end_date: Moment | None = None


class LimitedQuery(ActivityQuery):
    """The days, and of which model."""

    model_group: Name


async def activity(session: Session, query: ActivityQuery) -> dict[str, Any]:
    """How many calls and tokens there were, day by day."""
    return _counted(await _sums(session, query, "day"))


async def activity_by_model(session: Session, query: ActivityQuery) -> list[dict[str, Any]]:
    """The same of each of the ten models that were called most."""
    groups = _grouped(await _sums(session, query, "day", "model_group"))
    found = [{"model": name, **_counted(some)} for name, some in groups.items()]
    return sorted(found, key=lambda one: -one["sum_api_requests"])[:MOST_GROUPS]


async def limited(session: Session, query: LimitedQuery) -> dict[str, Any]:
    """How many calls of a model got a 429, day by day."""
    return _limited(await _sums(session, query, "day", model_group=query.model_group))


async def limited_by_deployment(session: Session, query: LimitedQuery) -> list[dict[str, Any]]:
    """The same of each of its deployments."""
    sums = await _sums(session, query, "day", "deployment", model_group=query.model_group)
    found = [{"api_base": name, **_limited(some)} for name, some in _grouped(sums).items()]
    hit = [one for one in found if one["sum_num_rate_limit_exceptions"]]
    return sorted(hit, key=lambda one: -one["sum_num_rate_limit_exceptions"])[:MOST_GROUPS]


async def cache_hits(session: Session, query: ActivityQuery) -> list[dict[str, Any]]:
    """How many calls of a key, kind and model the cache answered."""
    sums = await _sums(session, query, "key_id", "operation", "model")
    hashes = await digests(session, (one.group[0] for one in sums))
    return [
        {
            "api_key": hashes.get(one.group[0], one.group[0]),
            "call_type": call_type(one.group[1]),
            "model": one.group[2],
            "total_rows": one.calls,
            "cache_hit_true_rows": one.cached,
            "cached_completion_tokens": one.replayed_tokens,
            "generated_completion_tokens": one.completion_tokens - one.replayed_tokens,
        }
        for one in sums
    ]


async def _sums(
    session: Session, query: ActivityQuery, *groups: str, model_group: str | None = None
) -> list[Totals]:
    period = days(query.start_date, query.end_date)
    found = await asked(session, period, where={"model_group": model_group})
    return await calls_of(session).rollups.sums(found, *groups)


def _grouped(sums: list[Totals]) -> dict[str, list[Totals]]:
    found: dict[str, list[Totals]] = {}
    for one in sums:
        found.setdefault(one.group[1], []).append(one)
    return found


def _counted(sums: list[Totals]) -> dict[str, Any]:
    return {
        "daily_data": [
            {"date": _shown(one), "api_requests": one.calls, "total_tokens": one.tokens}
            for one in sums
        ],
        "sum_api_requests": sum(one.calls for one in sums),
        "sum_total_tokens": sum(one.tokens for one in sums),
    }


def _limited(sums: list[Totals]) -> dict[str, Any]:
    return {
        "daily_data": [
            {"date": _shown(one), "num_rate_limit_exceptions": one.limited}
            for one in sums
            if one.limited
        ],
        "sum_num_rate_limit_exceptions": sum(one.limited for one in sums),
    }


def _shown(one: Totals) -> str:
    return date_of(one.group[0]).strftime("%b %d")


_ROWS = list[dict[str, Any]]

SPEND_ACTIVITY_ENDPOINTS: tuple[Endpoint, ...] = (
    getting("/global/activity", activity, ActivityQuery, dict[str, Any], EVERYBODY),
    getting("/global/activity/model", activity_by_model, ActivityQuery, _ROWS, EVERYBODY),
    getting("/global/activity/exceptions", limited, LimitedQuery, dict[str, Any], EVERYBODY),
    getting(
        "/global/activity/exceptions/deployment",
        limited_by_deployment,
        LimitedQuery,
        _ROWS,
        EVERYBODY,
    ),
    getting("/global/activity/cache_hits", cache_hits, ActivityQuery, _ROWS, EVERYBODY),
)
