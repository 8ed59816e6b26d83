"""The routes that say what keys, users, tags and everybody have spent.

The rule: the sums of budgets come from the ledger, those of days from the recorded calls.
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.admin.fields import Answer, Body, Moment, Name
from proxy.admin.frame import Endpoint
from proxy.admin.keys_answers import Token, tokens
from proxy.admin.money import maybe_usd, usd
from proxy.admin.roles import READERS
from proxy.admin.session import Session
from proxy.admin.shorthand import getting
from proxy.admin.spend_seen import asked, calls_of, days
from proxy.admin.spending import shared_budgets, spending_of
from proxy.admin.users_answers import UserRow, user_rows
from proxy.config.spending import EVERYONE
from proxy.stores.entities.kinds import Key, Tag, User
from proxy.stores.entities.store import Query
from proxy.stores.journal.rollups import TAG
from proxy.stores.journal.sums import Asked

MOST = 10_000


class UsersQuery(Body):
    """One user, or all."""

    user_id: Name | None = None


class TagsQuery(Body):
    """The days, or none for all that ever were."""

    start_date: Moment | None = None
    end_date: Moment | None = None


class GlobalSpend(Answer):
    """What all calls came to, and what they may, in US dollars."""

    spend: float
    max_budget: float


class TagSpend(Answer):
    """What the calls of a tag came to, in US dollars."""

    individual_request_tag: str
    log_count: int = 0
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


async def spend_tags(session: Session, query: TagsQuery) -> list[TagSpend]:
    """The tags, those first that spent most.

    Where no days are given, those that are set up are shown with all that their budgets know of.
    """
    period = (None, None) if query.start_date is None else days(query.start_date, query.end_date)
    sums = await calls_of(session).rollups.sums(
        await asked(session, period, kind=TAG), "name", most=MOST
    )
    counts = {one.group[0]: one.calls for one in sums}
    spent = {one.group[0]: one.cost for one in sums}
    if query.start_date is None:
        spent |= await _budgets_of_tags(session)
    answers = [
        TagSpend(individual_request_tag=tag, log_count=counts.get(tag, 0), total_spend=usd(cost))
        for tag, cost in spent.items()
    ]
    return sorted(answers, key=lambda one: -one.total_spend)


async def _budgets_of_tags(session: Session) -> Mapping[str, int]:
    found = await session.entities.find(Tag, Query(limit=MOST))
    shared = await shared_budgets(session.entities, found)
    rows = [(f"tag:{one.id}", one) for one in found]
    spent = await spending_of(session.ledger, rows, shared, session.now)
    return {one.id: spending.total for one, spending in zip(found, spent, strict=True)}


async def global_spend(session: Session, query: None) -> GlobalSpend:
    """What all calls came to: by the ledger where the gateway has a budget, else by the calls."""
    budgets = [
        budget
        for one in session.settings.budgets.everyone
        if one.scope == EVERYONE
        for budget in one.budgets
    ]
    if not budgets:
        total = await calls_of(session).rollups.total(Asked())
        return GlobalSpend(spend=usd(total.cost), max_budget=0.0)
    balance = (await session.ledger.balances([EVERYONE]))[EVERYONE]
    return GlobalSpend(spend=usd(balance.spent), max_budget=maybe_usd(budgets[0].limit) or 0.0)


SPEND_GLOBAL_ENDPOINTS: tuple[Endpoint, ...] = (
    getting("/spend/keys", spend_keys, None, list[Token], READERS),
    getting("/spend/users", spend_users, UsersQuery, list[UserRow], READERS),
    getting("/spend/tags", spend_tags, TagsQuery, list[TagSpend], READERS),
    getting("/global/spend", global_spend, None, GlobalSpend, READERS),
)
