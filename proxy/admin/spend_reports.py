"""Reports of what calls came to, day by day, for all or for those of a key, user, team or
organization.

The rule: a caller gets a report of the calls that he may read about; days are UTC.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time
from types import MappingProxyType
from typing import Any, Literal

from proxy.admin.fields import Body, Moment, Name
from proxy.admin.frame import Endpoint
from proxy.admin.money import usd
from proxy.admin.roles import EVERYBODY, READERS
from proxy.admin.session import Session
from proxy.admin.shorthand import getting
from proxy.admin.spend_seen import asked, calls_of, date_of, days, digests
from proxy.stores.entities.kinds import Organization, Team
from proxy.stores.journal.rollups import END_USER
from proxy.stores.journal.sums import Totals, Where

Group = Literal["team", "customer", "api_key", "user", "organization"]

# By which column a group is made, and what the answer calls one of it, and all of a day.
_COLUMNS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "team": ("team_id", "team_name", "teams"),
        "customer": ("name", "customer", "customers"),
        "api_key": ("key_id", "api_key", "api_keys"),
        "user": ("user_id", "user_id", "users"),
        "organization": ("organization_id", "organization_name", "organizations"),
    }
)
_DETAILS = ("cost", "prompt_tokens", "completion_tokens")


class ReportQuery(Body):
    """The days, and by what their calls are put together."""

    start_date: Moment | None = None
    end_date: Moment | None = None
    group_by: Group = "team"
    api_key: Name | None = None
    internal_user_id: Name | None = None
    team_id: Name | None = None
    customer_id: Name | None = None


class OwnReportQuery(Body):
    """The days, and of whom: one, or all that the caller may read about."""

    start_date: Moment | None = None
    end_date: Moment | None = None
    api_key: Name | None = None
    user_id: Name | None = None
    team_id: Name | None = None
    organization_id: Name | None = None


async def report(session: Session, query: ReportQuery) -> list[dict[str, Any]]:
    """What calls came to by day, and within a day by team, customer or key, and by model.

    Where one key, one user, or a team with a customer is named, by key and model alone.
    """
    period = days(query.start_date, query.end_date)
    where = {
        "user_id": query.internal_user_id,
        "team_id": query.team_id,
        "name": query.customer_id,
    }
    if query.api_key is not None or query.internal_user_id is not None:
        return await _by_key(session, period, query.api_key, where)
    if query.team_id is not None and query.customer_id is not None:
        return await _by_key(session, period, None, where)
    return await _by_day(session, period, query.group_by, where)


async def key_report(session: Session, query: OwnReportQuery) -> list[dict[str, Any]]:
    """By day, key and model."""
    return await _own(session, query, "api_key")


async def user_report(session: Session, query: OwnReportQuery) -> list[dict[str, Any]]:
    """By day, user and model."""
    return await _own(session, query, "user")


async def team_report(session: Session, query: OwnReportQuery) -> list[dict[str, Any]]:
    """By day, team and model."""
    return await _own(session, query, "team")


async def organization_report(session: Session, query: OwnReportQuery) -> list[dict[str, Any]]:
    """By day, organization and model."""
    return await _own(session, query, "organization")


async def _own(session: Session, query: OwnReportQuery, group: Group) -> list[dict[str, Any]]:
    period = days(query.start_date, query.end_date)
    where = {
        "user_id": query.user_id,
        "team_id": query.team_id,
        "organization_id": query.organization_id,
    }
    return await _by_day(session, period, group, where, query.api_key)


async def _by_day(
    session: Session,
    period: tuple[int, int],
    group: Group,
    where: Where,
    api_key: str | None = None,
) -> list[dict[str, Any]]:
    column, one_of_it, all_of_it = _COLUMNS[group]
    kind = END_USER if where.get("name") is not None else None
    found = await asked(session, period, api_key, where, kind)
    if group == "customer":
        sums = await _by_customer(session, period, found.where)
    else:
        sums = await calls_of(session).rollups.sums(
            found, "day", column, "model", "key_id", only=_DETAILS
        )
    hashes = await digests(session, (one.group[3] for one in sums))
    names = await _names(session, group, sums, hashes)
    # Tens of thousands of rows are usual, and the calls to models must not wait for them.
    return await asyncio.to_thread(_shown, sums, (one_of_it, all_of_it), names, hashes)


def _shown(
    sums: Sequence[Totals],
    words: tuple[str, str],
    names: Mapping[str, str],
    hashes: Mapping[str, str],
) -> list[dict[str, Any]]:
    one_of_it, all_of_it = words
    by_day: dict[int, dict[str, list[Totals]]] = {}
    for one in sums:
        name = names.get(one.group[1], one.group[1]) or "Unassigned"
        by_day.setdefault(one.group[0], {}).setdefault(name, []).append(one)
    return [
        {
            "group_by_day": _midnight(day),
            all_of_it: [
                {
                    one_of_it: name,
                    "total_spend": usd(sum(one.cost for one in some)),
                    "metadata": [_detail(one, hashes) for one in some],
                }
                for name, some in groups.items()
            ],
        }
        for day, groups in by_day.items()
    ]


async def _by_customer(session: Session, period: tuple[int, int], where: Where) -> list[Totals]:
    # What is left when those of all customers are taken away had none.
    rollups, groups = calls_of(session).rollups, ("model", "key_id")
    named = await asked(session, period, None, where, END_USER)
    sums = await rollups.sums(named, "day", "name", *groups, only=_DETAILS)
    if "name" in where:
        return sums
    everybody = await rollups.sums(
        await asked(session, period, None, where), "day", *groups, only=_DETAILS
    )
    left = {(one.group[0], "", *one.group[1:]): [one.cost, one.tokens] for one in everybody}
    for one in sums:
        rest = left[(one.group[0], "", *one.group[2:])]
        rest[0] -= one.cost
        rest[1] -= one.tokens
    others = [
        Totals(group, cost=cost, prompt_tokens=tokens)
        for group, (cost, tokens) in left.items()
        if cost or tokens
    ]
    return sorted([*sums, *others], key=lambda one: one.group)


async def _by_key(
    session: Session, period: tuple[int, int], api_key: str | None, where: Where
) -> list[dict[str, Any]]:
    kind = END_USER if where.get("name") is not None else None
    found = await asked(session, period, api_key, where, kind)
    sums = await calls_of(session).rollups.sums(found, "key_id", "model", only=_DETAILS)
    hashes = await digests(session, (one.group[0] for one in sums))
    by_key: dict[str, list[Totals]] = {}
    for one in sums:
        by_key.setdefault(hashes.get(one.group[0], one.group[0]), []).append(one)
    rows = [
        {
            "api_key": key,
            **_amounts(some),
            "model_details": [{"model": one.group[1], **_amounts([one])} for one in some],
        }
        for key, some in by_key.items()
    ]
    return sorted(rows, key=lambda one: -one["total_cost"])


def _amounts(sums: Iterable[Totals]) -> dict[str, Any]:
    some = list(sums)
    return {
        "total_cost": usd(sum(one.cost for one in some)),
        "total_input_tokens": sum(one.prompt_tokens for one in some),
        "total_output_tokens": sum(one.completion_tokens for one in some),
    }


def _detail(one: Totals, hashes: Mapping[str, str]) -> dict[str, Any]:
    return {
        "model": one.group[2],
        "spend": usd(one.cost),
        "total_tokens": one.tokens,
        "api_key": hashes.get(one.group[3], ""),
    }


def _midnight(day: int) -> str:
    return datetime.combine(date_of(day), time(), UTC).isoformat()


async def _names(
    session: Session, group: Group, sums: Sequence[Totals], hashes: Mapping[str, str]
) -> Mapping[str, str]:
    ids = sorted({one.group[1] for one in sums if one.group[1]})
    if group == "api_key":
        return hashes
    if group == "team":
        return {one.id: one.alias or one.id for one in await session.entities.many(Team, ids)}
    if group == "organization":
        found = await session.entities.many(Organization, ids)
        return {one.id: one.alias or one.id for one in found}
    return {}


SPEND_REPORT_ENDPOINTS: tuple[Endpoint, ...] = (
    getting("/global/spend/report", report, ReportQuery, list[dict[str, Any]], READERS),
    *(
        getting(path, handler, OwnReportQuery, list[dict[str, Any]], EVERYBODY)
        for path, handler in (
            ("/key/spend/report", key_report),
            ("/user/spend/report", user_report),
            ("/team/spend/report", team_report),
            ("/organization/spend/report", organization_report),
        )
    ),
)
