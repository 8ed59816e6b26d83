"""The routes that say what keys, users, tags and everybody have spent.

The rule: the sums of budgets come from the ledger, those of days from the recorded calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal

from proxy.admin.errors import DetailedRefusal
from proxy.admin.fields import Answer, Body, Moment, Name
from proxy.admin.frame import Endpoint
from proxy.admin.keys_answers import Token, tokens
from proxy.admin.money import maybe_usd, usd
from proxy.admin.roles import READERS
from proxy.admin.session import Session
from proxy.admin.shorthand import getting
from proxy.admin.spend_seen import calls_of, digests, wanted
from proxy.admin.spending import shared_budgets, spending_of
from proxy.admin.users_answers import UserRow, user_rows
from proxy.config.spending import EVERYONE
from proxy.stores.entities.kinds import Key, Tag, Team, User
from proxy.stores.entities.store import Query
from proxy.stores.journal.calls import Sum, Wanted

MOST = 10_000
MOST_DAYS = 3_660
_COLUMNS: Mapping[str, str] = MappingProxyType(
    {"team": "team_id", "customer": "end_user", "api_key": "key_id"}
)


class UsersQuery(Body):
    """One user, or all."""

    user_id: Name | None = None


class ReportQuery(Body):
    """The days, and by what their calls are put together."""

    start_date: Moment
    end_date: Moment
    group_by: Literal["team", "customer", "api_key"] = "team"
    api_key: Name | None = None
    internal_user_id: Name | None = None
    team_id: Name | None = None
    customer_id: Name | None = None


class GlobalSpend(Answer):
    """What all calls came to, and what they may, in US dollars."""

    spend: float
    max_budget: float


class TagSpend(Answer):
    """What the calls of a tag came to, in US dollars."""

    individual_request_tag: str
    log_count: int | None = None
    total_spend: float


async def spend_keys(session: Session, query: None) -> list[Token]:
    """The keys, those first that spent most."""
    found = await tokens(session, await session.entities.find(Key, Query(limit=MOST)))
    return sorted(found, key=lambda one: -one.spend)


async def spend_users(session: Session, query: UsersQuery) -> list[UserRow]:
    """The users, those first that spent most."""
    if query.user_id is not None:
        users = await session.entities.many(User, [query.user_id])
    else:
        users = await session.entities.find(User, Query(limit=MOST))
    return sorted(await user_rows(session, users), key=lambda one: -one.spend)


async def spend_tags(session: Session, query: None) -> list[TagSpend]:
    """The tags that are set up, those first that spent most."""
    found = await session.entities.find(Tag, Query(limit=MOST))
    shared = await shared_budgets(session.entities, found)
    rows = [(f"tag:{one.id}", one) for one in found]
    spent = await spending_of(session.ledger, rows, shared, session.now)
    answers = [
        TagSpend(individual_request_tag=one.id, total_spend=usd(spending.total))
        for one, spending in zip(found, spent, strict=True)
    ]
    return sorted(answers, key=lambda one: -one.total_spend)


async def global_spend(session: Session, query: None) -> GlobalSpend:
    """What all calls came to: by the ledger where the gateway has a budget, else by the calls."""
    budgets = [
        budget
        for one in session.settings.budgets.everyone
        if one.scope == EVERYONE
        for budget in one.budgets
    ]
    if not budgets:
        total = sum(one.cost for one in await calls_of(session).sums(Wanted()))
        return GlobalSpend(spend=usd(total), max_budget=0.0)
    balance = (await session.ledger.balances([EVERYONE]))[EVERYONE]
    return GlobalSpend(spend=usd(balance.spent), max_budget=maybe_usd(budgets[0].limit) or 0.0)


async def report(session: Session, query: ReportQuery) -> list[dict[str, Any]]:
    """What calls came to by day, and within a day by team, customer or key, and by model."""
    if not 0 <= (query.end_date - query.start_date).days <= MOST_DAYS:
        raise DetailedRefusal("end_date must not be before start_date, nor ten years after it.")
    where = {
        "user_id": query.internal_user_id,
        "team_id": query.team_id,
        "end_user": query.customer_id,
    }
    period = (query.start_date, query.end_date)
    found = await wanted(session, period, query.api_key, None, where)
    sums = await calls_of(session).sums(found, _COLUMNS[query.group_by], "model", "key_id")
    hashes = await digests(session, (one.group[2] for one in sums))
    names = await _names(session, query.group_by, sums, hashes)
    days: dict[int, dict[str, list[Sum]]] = {}
    for one in sums:
        name = names.get(one.group[0] or "", one.group[0] or "Unassigned")
        days.setdefault(one.day, {}).setdefault(name, []).append(one)
    word = {"team": "team_name", "customer": "customer", "api_key": "api_key"}[query.group_by]
    many = {"team": "teams", "customer": "customers", "api_key": "api_keys"}[query.group_by]
    return [
        {
            "group_by_day": (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).isoformat(),
            many: [
                {
                    word: name,
                    "total_spend": usd(sum(one.cost for one in some)),
                    "metadata": [_detail(one, hashes) for one in some],
                }
                for name, some in groups.items()
            ],
        }
        for day, groups in days.items()
    ]


def _detail(one: Sum, hashes: Mapping[str, str]) -> dict[str, Any]:
    return {
        "model": one.group[1],
        "spend": usd(one.cost),
        "total_tokens": one.tokens,
        "api_key": hashes.get(one.group[2] or "", ""),
    }


async def _names(
    session: Session, group_by: str, sums: list[Sum], hashes: Mapping[str, str]
) -> Mapping[str, str]:
    if group_by == "api_key":
        return hashes
    if group_by == "customer":
        return {}
    ids = sorted({one.group[0] for one in sums if one.group[0]})
    return {one.id: one.alias or one.id for one in await session.entities.many(Team, ids)}


SPEND_GLOBAL_ENDPOINTS: tuple[Endpoint, ...] = (
    getting("/spend/keys", spend_keys, None, list[Token], READERS),
    getting("/spend/users", spend_users, UsersQuery, list[UserRow], READERS),
    getting("/spend/tags", spend_tags, None, list[TagSpend], READERS),
    getting("/global/spend", global_spend, None, GlobalSpend, READERS),
    getting("/global/spend/report", report, ReportQuery, list[dict[str, Any]], READERS),
)
