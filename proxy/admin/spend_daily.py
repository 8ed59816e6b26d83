"""The routes of daily activity: what users, teams, tags, customers and organizations called and
spent each day, with every sum broken down.

The rule: sums are of all calls that the caller may read about; only the lists of keys and of
entities stop at those that spent most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field

from proxy.admin.fields import Answer, Body, Moment, Name, Page
from proxy.admin.frame import Endpoint
from proxy.admin.roles import EVERYBODY
from proxy.admin.session import Session
from proxy.admin.shorthand import getting
from proxy.admin.spend_broken_down import Known, Metrics, broken_down
from proxy.admin.spend_seen import asked, calls_of, days
from proxy.stores.entities.kinds import Entity, Key, Organization, Team, User
from proxy.stores.journal.rollups import END_USER, TAG, WHAT
from proxy.stores.journal.sums import Asked, Totals

MOST_KEYS = 25
MOST_ENTITIES = 50

_COST = ("cost",)

Names = Annotated[str, Field(max_length=20_000)]


class DailyQuery(Body):
    """The days, and which of their calls; several ids have commas between them."""

    start_date: Moment | None = None
    end_date: Moment | None = None
    model: Name | None = None
    api_key: Name | None = None
    user_id: Name | None = None
    team_ids: Names | None = None
    tags: Names | None = None
    end_user_ids: Names | None = None
    organization_ids: Names | None = None
    page: Page = 1
    page_size: Page = 1000


class DailyMetadata(Answer):
    """The sums of all days; there is one page."""

    total_spend: float = 0.0
    total_prompt_tokens: int = 0
    total_completion_tokens: int = 0
    total_tokens: int = 0
    total_api_requests: int = 0
    total_successful_requests: int = 0
    total_failed_requests: int = 0
    total_cache_read_input_tokens: int = 0
    total_cache_creation_input_tokens: int = 0
    total_response_time_ms: int = 0
    total_timed_requests: int = 0
    page: int = 1
    total_pages: int = 1
    has_more: bool = False
    api_key_limit: int = MOST_KEYS


class DailyAnswer(Answer):
    """Every day that had calls, the newest first."""

    results: list[dict[str, Any]]
    metadata: DailyMetadata


@dataclass(frozen=True, slots=True)
class Kind:
    """Of whom a route tells: the rollups, the column, which field of the query names some, and what
    they are where they are kept."""

    column: str
    field: str
    rollups: str | None = None
    entity: type[Entity] | None = None


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "user": Kind("user_id", "user_id", entity=User),
        "team": Kind("team_id", "team_ids", entity=Team),
        "organization": Kind("organization_id", "organization_ids", entity=Organization),
        "tag": Kind("name", "tags", TAG),
        "customer": Kind("name", "end_user_ids", END_USER),
        "end_user": Kind("name", "end_user_ids", END_USER),
    }
)


def _handler(kind: Kind) -> Callable[[Session, DailyQuery], Awaitable[DailyAnswer]]:
    async def daily(session: Session, query: DailyQuery) -> DailyAnswer:
        """What was called and spent each day."""
        return await activity(session, query, kind)

    return daily


async def activity(session: Session, query: DailyQuery, kind: Kind) -> DailyAnswer:
    """What the calls of these came to, by day, each day broken down."""
    named = _split(getattr(query, kind.field))
    where = {"model": query.model, kind.column: named or None}
    period = days(query.start_date, query.end_date)
    wanted = await asked(session, period, query.api_key, where, kind.rollups)
    rollups = calls_of(session).rollups
    # Of a tag's and a customer's calls each is in as many rollups as it has names.
    plain = wanted if named or kind.rollups is None else await _of_all(session, query)
    by_what = await rollups.sums(plain, "day", *WHAT)
    keys = await rollups.sums(plain, "key_id", most=MOST_KEYS, only=_COST)
    some_keys = _narrowed(plain, "key_id", keys)
    by_key = await rollups.sums(some_keys, "day", "key_id", "model", "model_group", "provider")
    entities = await rollups.sums(wanted, kind.column, most=MOST_ENTITIES, only=_COST)
    some = _narrowed(wanted, kind.column, entities)
    by_entity = await rollups.sums(some, "day", kind.column)
    by_both: list[Totals] = []
    if named or kind.rollups is None:
        some = _narrowed(some, "key_id", keys)
        by_both = await rollups.sums(some, "day", kind.column, "key_id")
    known = await _known(session, kind, keys, entities)
    return DailyAnswer(
        # The calls to models must not wait for it.
        results=await asyncio.to_thread(broken_down, (by_what, by_key, by_entity, by_both), known),
        metadata=_metadata(by_what),
    )


async def _of_all(session: Session, query: DailyQuery) -> Asked:
    period = days(query.start_date, query.end_date)
    return await asked(session, period, query.api_key, {"model": query.model})


def _narrowed(wanted: Asked, column: str, some: list[Totals]) -> Asked:
    return replace(wanted, where={**wanted.where, column: [one.group[0] for one in some]})


def _metadata(sums: list[Totals]) -> DailyMetadata:
    total = Metrics()
    for one in sums:
        total.add(one)
    shown = total.shown()
    return DailyMetadata(
        total_spend=shown["spend"],
        total_tokens=shown["total_tokens"],
        total_response_time_ms=shown["total_response_time_ms"],
        **{
            f"total_{name}": shown[name]
            for name in (
                "prompt_tokens",
                "completion_tokens",
                "api_requests",
                "successful_requests",
                "failed_requests",
                "cache_read_input_tokens",
                "cache_creation_input_tokens",
                "timed_requests",
            )
        },
    )


async def _known(session: Session, kind: Kind, keys: list[Totals], entities: list[Totals]) -> Known:
    ids = [one.group[0] for one in keys if one.group[0]]
    found = await session.entities.many(Key, ids)
    names: dict[str, dict[str, Any]] = {}
    if kind.entity is not None:
        mine = [one.group[0] for one in entities if one.group[0]]
        for one in await session.entities.many(kind.entity, mine):
            names[one.id] = {f"{kind.entity.kind}_alias": getattr(one, "alias", None)}
    return Known(
        digests={one.id: one.digest for one in found},
        keys={
            one.id: {
                "key_alias": one.alias,
                "team_id": one.team_id,
                "user_id": one.user_id,
                "user_email": None,
                "key_exists": True,
            }
            for one in found
        },
        entities=names,
    )


def _split(text: str | None) -> list[str]:
    return [name for one in (text or "").split(",") if (name := one.strip())]


SPEND_DAILY_ENDPOINTS: tuple[Endpoint, ...] = (
    *(
        getting(f"/{name}/daily/activity", _handler(kind), DailyQuery, DailyAnswer, EVERYBODY)
        for name, kind in KINDS.items()
    ),
    getting(
        "/user/daily/activity/aggregated",
        _handler(KINDS["user"]),
        DailyQuery,
        DailyAnswer,
        EVERYBODY,
    ),
)
