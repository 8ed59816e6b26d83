"""The routes of spend logs: every call, or what they came to by day.

The rule: the answers are LiteLLM's, and a day without a call is shown with nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

from proxy.admin.columns import pages
from proxy.admin.errors import DetailedNotFound, DetailedRefusal
from proxy.admin.fields import Answer, Body, Moment, Name, Page, Usd
from proxy.admin.frame import Endpoint
from proxy.admin.money import maybe_nano, usd
from proxy.admin.roles import EVERYBODY
from proxy.admin.session import Session
from proxy.admin.shorthand import getting
from proxy.admin.spend_rows import SpendLog, shown_call, shown_text
from proxy.admin.spend_seen import asked, calls_of, date_of, days, digests, wanted
from proxy.stores.journal.calls import MOST_COUNTED, Wanted
from proxy.stores.journal.sums import Totals

MOST_ROWS = 10_000
# LiteLLM's names of the columns that pages are sorted by.
_SORTS: Mapping[str, str] = MappingProxyType(
    {
        "startTime": "started",
        "endTime": "ended",
        "spend": "cost",
        "total_tokens": "total_tokens",
        "prompt_tokens": "prompt_tokens",
        "completion_tokens": "completion_tokens",
        "request_duration_ms": "duration",
    }
)


class LogsQuery(Body):
    """Which calls; dates as YYYY-MM-DD."""

    api_key: Name | None = None
    user_id: Name | None = None
    request_id: Name | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    summarize: bool = True


class LogsFilter(Body):
    """Which calls; dates as YYYY-MM-DD, with a time of day where they are meant so."""

    api_key: Name | None = None
    user_id: Name | None = None
    request_id: Name | None = None
    session_id: Name | None = None
    team_id: Name | None = None
    organization_id: Name | None = None
    end_user: Name | None = None
    model: Name | None = None
    model_id: Name | None = None
    model_group: Name | None = None
    custom_llm_provider: Name | None = None
    key_alias: Name | None = None
    error_code: Name | None = None
    error_message: Name | None = None
    min_spend: Usd | None = None
    max_spend: Usd | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    status_filter: Literal["success", "failure"] | None = None
    cache_hit_filter: Literal["hit", "miss"] | None = None


class LogsPageQuery(LogsFilter):
    """Which calls, in which order, and which page of them: by its number, or by `cursor`, the
    `next_cursor` of the page before, which is as fast however far it leads."""

    sort_by: Literal[
        "startTime",
        "endTime",
        "spend",
        "total_tokens",
        "prompt_tokens",
        "completion_tokens",
        "request_duration_ms",
    ] = "startTime"
    sort_order: Literal["asc", "desc"] = "desc"
    page: Page = 1
    page_size: Page = 50
    cursor: Name | None = None


class LogsPage(Answer):
    """One page of calls; `total` stops at what it costs too much to count exactly."""

    data: list[SpendLog]
    total: int
    page: int
    page_size: int
    total_pages: int
    next_cursor: str | None = None
    total_is_exact: bool = True


class TextAnswer(Answer):
    """What was asked and answered, as far as it was kept."""

    messages: Any = None
    response: Any = None
    proxy_server_request: Any = None


async def spend_logs(session: Session, query: LogsQuery) -> list[Any]:
    """The calls, newest first, or what they came to by day where both dates are given."""
    calls = calls_of(session)
    both = query.start_date is not None and query.end_date is not None
    if query.summarize and both and query.request_id is None:
        return await _summary(session, query)
    period = (query.start_date, query.end_date)
    found = await wanted(
        session, period, query.api_key, query.request_id, {"user_id": query.user_id}
    )
    rows = await calls.page(found, MOST_ROWS)
    hashes = await digests(session, (row["key_id"] for row in rows))
    return [shown_call(row, hashes) for row in rows]


async def filtered(session: Session, query: LogsFilter) -> Wanted:
    """The calls that a filter leaves, of those that the caller may read about."""
    columns = {
        "user_id": query.user_id,
        "team_id": query.team_id,
        "organization_id": query.organization_id,
        "end_user": query.end_user,
        "model": query.model,
        "deployment": query.model_id,
        "model_group": query.model_group,
        "provider": query.custom_llm_provider,
        "key_alias": query.key_alias,
        "session_id": query.session_id,
    }
    status = None
    if query.error_code is not None:
        if query.error_code.isdecimal() and len(query.error_code) < 6:
            status = int(query.error_code)
        else:
            columns["error_class"] = query.error_code
    period = (query.start_date, query.end_date)
    found = await wanted(session, period, query.api_key, query.request_id, columns)
    if query.status_filter is not None:
        found = found.of_outcome(query.status_filter == "success")
    return replace(
        found,
        cached=None if query.cache_hit_filter is None else query.cache_hit_filter == "hit",
        status=status,
        costs=(maybe_nano(query.min_spend), maybe_nano(query.max_spend)),
        error=query.error_message,
    )


async def spend_logs_page(session: Session, query: LogsPageQuery) -> LogsPage:
    """One page of calls, newest first or as asked."""
    calls, size = calls_of(session), min(query.page_size, 1_000)
    found = await filtered(session, query)
    total, exact = await calls.count(found), found.summed
    newest_first = query.sort_by == "startTime" and query.sort_order == "desc"
    offset = (query.page - 1) * size
    if query.cursor is not None:
        if not newest_first:
            raise DetailedRefusal("A cursor leads on only where the newest come first.", "cursor")
        found, offset = replace(found, after=_place(query.cursor)), 0
    rows = await calls.page(found, size, offset, _SORTS[query.sort_by], query.sort_order == "desc")
    hashes = await digests(session, (row["key_id"] for row in rows))
    return LogsPage(
        data=[shown_call(row, hashes) for row in rows],
        total=total,
        page=query.page,
        page_size=size,
        total_pages=pages(total, size),
        next_cursor=_cursor(rows[-1]) if newest_first and len(rows) == size else None,
        total_is_exact=exact or total < MOST_COUNTED,
    )


async def spend_text(session: Session, query: LogsFilter) -> TextAnswer:
    """The prompt and the answer of one call."""
    id = session.path["request_id"]
    found = await wanted(session, (query.start_date, query.end_date), request_id=id)
    texts = await calls_of(session).texts(found)
    if texts is None:
        raise DetailedNotFound(f"There is no call {id[:200]!r}.", "request_id")
    return TextAnswer(messages=shown_text(texts.prompt), response=shown_text(texts.answer))


async def _summary(session: Session, query: LogsQuery) -> list[Any]:
    period = days(query.start_date, query.end_date)
    found = await asked(session, period, query.api_key, {"user_id": query.user_id})
    groups = ("day", "key_id", "user_id", "model_group")
    sums = await calls_of(session).rollups.sums(found, *groups, only=("cost",))
    hashes = await digests(session, (one.group[1] for one in sums))
    # Tens of thousands of rows are usual, and the calls to models must not wait for them.
    return await asyncio.to_thread(_by_day, sums, period, hashes)


def _by_day(
    sums: Sequence[Totals], period: tuple[int, int], hashes: Mapping[str, str]
) -> list[Any]:
    by_day: dict[int, list[Totals]] = {}
    for one in sums:
        by_day.setdefault(one.group[0], []).append(one)
    return [_day(day, by_day.get(day, ()), hashes) for day in range(period[0], period[1] + 1)]


def _day(day: int, sums: Sequence[Totals], hashes: Mapping[str, str]) -> dict[str, Any]:
    keys: dict[str, int] = {}
    users: dict[str, int] = {}
    models: dict[str, int] = {}
    total = 0
    for one in sums:
        _, key, user, model = one.group
        total += one.cost
        for names, name in ((keys, hashes.get(key, "")), (users, user), (models, model)):
            if name:
                names[name] = names.get(name, 0) + one.cost
    return {
        "startTime": date_of(day).isoformat(),
        "spend": usd(total),
        "users": {name: usd(spent) for name, spent in users.items()},
        "models": {name: usd(spent) for name, spent in models.items()},
        **{name: usd(spent) for name, spent in keys.items()},
    }


def _cursor(row: Mapping[str, Any]) -> str:
    return f"{row['started']!r}~{row['id']}"


def _place(cursor: str) -> tuple[float, str]:
    moment, _, id = cursor.partition("~")
    try:
        started = float(moment)
    except ValueError:
        started = -1.0
    # A number that is no moment would be no day either.
    if not 0 <= started < 1e12:
        raise DetailedRefusal("This cursor is none that a page gave.", "cursor")
    return started, id


SPEND_LOG_ENDPOINTS: tuple[Endpoint, ...] = (
    getting("/spend/logs", spend_logs, LogsQuery, list[Any], EVERYBODY),
    getting("/spend/logs/v2", spend_logs_page, LogsPageQuery, LogsPage, EVERYBODY),
    getting("/spend/logs/ui", spend_logs_page, LogsPageQuery, LogsPage, EVERYBODY),
    getting("/spend/logs/ui/{request_id}", spend_text, LogsFilter, TextAnswer, EVERYBODY),
)
