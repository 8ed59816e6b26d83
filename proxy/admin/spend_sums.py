"""The routes of what all calls came to: by day, key, team, model, end user, tag and provider.

The rule: they are answered from the rollups of whole days, so that they take as long for a million
calls as for a hundred; where no days are given, it is the last thirty.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from proxy.admin.fields import Body, Moment, Name
from proxy.admin.frame import Endpoint
from proxy.admin.money import usd
from proxy.admin.roles import EVERYBODY, READERS
from proxy.admin.session import Session
from proxy.admin.shorthand import asking, getting
from proxy.admin.spend_seen import asked, calls_of, date_of, day_of, days
from proxy.stores.entities.kinds import Key, Tag, Team
from proxy.stores.entities.store import Query
from proxy.stores.journal.rollups import END_USER, TAG
from proxy.stores.journal.sums import Totals

MONTH = 30
MOST = 10_000
MOST_NAMED = 100

Limit = Annotated[int, Field(ge=1, le=MOST)]


class DaysQuery(Body):
    """The days."""

    start_date: Moment | None = None
    end_date: Moment | None = None


class KeyQuery(DaysQuery):
    """The days, and of which key; or of all."""

    api_key: Name | None = None


class LimitQuery(DaysQuery):
    """The days, and how many rows at most."""

    limit: Limit = 10


class TagsQuery(DaysQuery):
    """The days, and which tags, with commas between them."""

    tags: Annotated[str, Field(max_length=4096)] | None = None


class EndUsersBody(Body):
    """Of which key, and between which days."""

    api_key: Name | None = None
    startTime: Moment | None = None
    endTime: Moment | None = None


async def by_day(session: Session, query: KeyQuery) -> list[dict[str, Any]]:
    """What was spent each day."""
    found = await asked(session, _period(session, query), query.api_key)
    sums = await calls_of(session).rollups.sums(found, "day")
    return [{"date": date_of(one.group[0]).isoformat(), "spend": usd(one.cost)} for one in sums]


async def by_key(session: Session, query: LimitQuery) -> list[dict[str, Any]]:
    """The keys that spent most."""
    sums = await _dearest(session, query, "key_id", query.limit)
    ids = [one.group[0] for one in sums if one.group[0]]
    keys = {one.id: one for one in await session.entities.many(Key, ids)}
    answers = []
    for one in sums:
        key = keys.get(one.group[0])
        answers.append(
            {
                "api_key": key.digest if key else one.group[0],
                "key_alias": key.alias if key else None,
                "key_name": key.name if key else None,
                "total_spend": usd(one.cost),
            }
        )
    return answers


async def by_team(session: Session, query: DaysQuery) -> dict[str, Any]:
    """What the teams spent, day by day and in all."""
    found = await asked(session, _period(session, query))
    sums = await calls_of(session).rollups.sums(found, "day", "team_id")
    ids = sorted({one.group[1] for one in sums if one.group[1]})
    teams = {one.id: one.alias or one.id for one in await session.entities.many(Team, ids)}
    daily: dict[int, dict[str, Any]] = {}
    totals: dict[str, int] = {}
    for one in sums:
        name = teams.get(one.group[1], one.group[1]) or "Unassigned"
        row = daily.setdefault(one.group[0], {"date": date_of(one.group[0]).isoformat()})
        row[name] = usd(one.cost)
        totals[name] = totals.get(name, 0) + one.cost
    dearest = sorted(totals.items(), key=lambda one: -one[1])
    return {
        "daily_spend": list(daily.values()),
        "teams": [name for name, _ in dearest],
        "total_spend_per_team": [
            {"team_id": name, "total_spend": usd(cost)} for name, cost in dearest
        ],
    }


async def by_model(session: Session, query: LimitQuery) -> list[dict[str, Any]]:
    """The models that most was spent on."""
    sums = await _dearest(session, query, "model", query.limit)
    return [{"model": one.group[0], "total_spend": usd(one.cost)} for one in sums]


async def by_end_user(session: Session, body: EndUsersBody) -> list[dict[str, Any]]:
    """The end users for whom most was spent."""
    period = _period(session, DaysQuery(start_date=body.startTime, end_date=body.endTime))
    found = await asked(session, period, body.api_key, kind=END_USER)
    sums = await calls_of(session).rollups.sums(found, "name", most=MOST_NAMED)
    return [
        {"end_user": one.group[0], "total_count": one.calls, "total_spend": usd(one.cost)}
        for one in sums
    ]


async def by_tag(session: Session, query: TagsQuery) -> dict[str, Any]:
    """The tags that most was spent on."""
    names = [name for one in (query.tags or "").split(",") if (name := one.strip())]
    everything = not names or "all-tags" in names
    where = None if everything else {"name": names}
    found = await asked(session, _period(session, query), where=where, kind=TAG)
    sums = await calls_of(session).rollups.sums(found, "name", most=MOST)
    return {
        "spend_per_tag": [
            {"name": one.group[0], "spend": usd(one.cost), "log_count": one.calls} for one in sums
        ]
    }


async def tag_names(session: Session, query: None) -> dict[str, list[str]]:
    """The names of all tags that calls had, and of those that are set up."""
    known = await session.entities.find(Tag, Query(limit=MOST))
    used = await calls_of(session).rollups.names(TAG)
    return {"tag_names": sorted({*used, *(one.id for one in known)})}


async def by_provider(session: Session, query: DaysQuery) -> list[dict[str, Any]]:
    """What was spent with each provider."""
    sums = await _dearest(session, query, "provider", MOST)
    return [{"provider": one.group[0], "spend": usd(one.cost)} for one in sums if one.group[0]]


async def _dearest(session: Session, query: DaysQuery, group: str, most: int) -> list[Totals]:
    found = await asked(session, _period(session, query))
    return await calls_of(session).rollups.sums(found, group, most=most)


def _period(session: Session, query: DaysQuery) -> tuple[int, int]:
    if query.start_date is None and query.end_date is None:
        today = day_of(session.now)
        return today - MONTH, today
    return days(query.start_date, query.end_date or session.now)


_ROWS = list[dict[str, Any]]

SPEND_SUM_ENDPOINTS: tuple[Endpoint, ...] = (
    getting("/global/spend/logs", by_day, KeyQuery, _ROWS, EVERYBODY),
    getting("/global/spend/keys", by_key, LimitQuery, _ROWS, READERS),
    getting("/global/spend/teams", by_team, DaysQuery, dict[str, Any], READERS),
    getting("/global/spend/models", by_model, LimitQuery, _ROWS, EVERYBODY),
    asking("/global/spend/end_users", by_end_user, EndUsersBody, _ROWS, READERS),
    getting("/global/spend/tags", by_tag, TagsQuery, dict[str, Any], EVERYBODY),
    getting("/global/spend/all_tag_names", tag_names, None, dict[str, list[str]], READERS),
    getting("/global/spend/provider", by_provider, DaysQuery, _ROWS, EVERYBODY),
)
