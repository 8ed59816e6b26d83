"""The routes of spend logs: every call, or what they came to by day.

The rule: the answers are LiteLLM's, and a day without a call is shown with nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from proxy.admin.columns import pages
from proxy.admin.errors import DetailedRefusal
from proxy.admin.fields import Answer, Body, Moment, Name, Page
from proxy.admin.frame import Endpoint
from proxy.admin.money import usd
from proxy.admin.roles import EVERYBODY
from proxy.admin.session import Session
from proxy.admin.shorthand import getting
from proxy.admin.spend_rows import SpendLog, shown_call
from proxy.admin.spend_seen import calls_of, digests, wanted
from proxy.stores.journal.calls import DAY, Sum

MOST_ROWS = 10_000
MOST_DAYS = 3_660


class LogsQuery(Body):
    """Which calls; dates as YYYY-MM-DD."""

    api_key: Name | None = None
    user_id: Name | None = None
    request_id: Name | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    summarize: bool = True


class LogsPageQuery(Body):
    """Which calls, and which page of them."""

    api_key: Name | None = None
    user_id: Name | None = None
    request_id: Name | None = None
    team_id: Name | None = None
    end_user: Name | None = None
    model: Name | None = None
    model_id: Name | None = None
    key_alias: Name | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    status_filter: Literal["success", "failure"] | None = None
    page: Page = 1
    page_size: Page = 50


class LogsPage(Answer):
    """One page of calls."""

    data: list[SpendLog]
    total: int
    page: int
    page_size: int
    total_pages: int


async def spend_logs(session: Session, query: LogsQuery) -> list[Any]:
    """The calls, newest first, or what they came to by day where both dates are given."""
    period = (query.start_date, query.end_date)
    found = await wanted(
        session, period, query.api_key, query.request_id, {"user_id": query.user_id}
    )
    calls = calls_of(session)
    if query.summarize and query.start_date is not None and query.end_date is not None:
        days = (query.end_date - query.start_date).days
        if not 0 <= days <= MOST_DAYS:
            raise DetailedRefusal("end_date must not be before start_date, nor ten years after it.")
        sums = await calls.sums(found, "key_id", "user_id", "model")
        hashes = await digests(session, (one.group[0] for one in sums))
        return [_day(day, sums, hashes) for day in _days(query.start_date, query.end_date)]
    rows = await calls.page(found, MOST_ROWS)
    hashes = await digests(session, (row["key_id"] for row in rows))
    return [shown_call(row, hashes) for row in rows]


async def spend_logs_page(session: Session, query: LogsPageQuery) -> LogsPage:
    """One page of calls, newest first."""
    size = min(query.page_size, 1_000)
    columns = {
        "user_id": query.user_id,
        "team_id": query.team_id,
        "end_user": query.end_user,
        "model": query.model,
        "deployment": query.model_id,
        "key_alias": query.key_alias,
    }
    period = (query.start_date, query.end_date)
    found = await wanted(session, period, query.api_key, query.request_id, columns)
    if query.status_filter is not None:
        found = found.of_outcome(query.status_filter == "success")
    calls = calls_of(session)
    total = await calls.count(found)
    rows = await calls.page(found, size, (query.page - 1) * size)
    hashes = await digests(session, (row["key_id"] for row in rows))
    return LogsPage(
        data=[shown_call(row, hashes) for row in rows],
        total=total,
        page=query.page,
        page_size=size,
        total_pages=pages(total, size),
    )


def _days(start: datetime, end: datetime) -> Iterator[int]:
    first, last = (int(one.timestamp() // DAY) for one in (start, end))
    return iter(range(first, last + 1))


def _day(day: int, sums: Sequence[Sum], hashes: Any) -> dict[str, Any]:
    keys: dict[str, int] = {}
    users: dict[str, int] = {}
    models: dict[str, int] = {}
    total = 0
    for one in sums:
        if one.day != day:
            continue
        key, user, model = one.group
        total += one.cost
        for names, name in ((keys, hashes.get(key or "", "")), (users, user), (models, model)):
            if name:
                names[name] = names.get(name, 0) + one.cost
    date = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)
    return {
        "startTime": date.date().isoformat(),
        "spend": usd(total),
        "users": {name: usd(spent) for name, spent in users.items()},
        "models": {name: usd(spent) for name, spent in models.items()},
        **{name: usd(spent) for name, spent in keys.items()},
    }


SPEND_LOG_ENDPOINTS: tuple[Endpoint, ...] = (
    getting("/spend/logs", spend_logs, LogsQuery, list[Any], EVERYBODY),
    getting("/spend/logs/v2", spend_logs_page, LogsPageQuery, LogsPage, EVERYBODY),
    getting("/spend/logs/ui", spend_logs_page, LogsPageQuery, LogsPage, EVERYBODY),
)
