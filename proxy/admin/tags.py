"""Tags: labels on calls that may have a budget.

The rule: a tag without a row here is only a label; with one, all calls that bear it are counted
against it.
"""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field

from proxy.admin.columns import LimitColumns, limit_columns, renamed
from proxy.admin.errors import DetailedNotFound, DetailedRefusal
from proxy.admin.fields import Answer, Body, MaybeName, Moment, Name, Text
from proxy.admin.frame import Endpoint
from proxy.admin.ids import Id
from proxy.admin.keys_answers import budget_table
from proxy.admin.keys_bodies import LimitsBody, Names
from proxy.admin.limits import limits_of
from proxy.admin.money import usd
from proxy.admin.session import Session
from proxy.admin.shorthand import asking, getting, posting
from proxy.admin.spending import shared_budgets, spending_of
from proxy.admin.teams_rights import check_budget
from proxy.stores.entities.kinds import Tag
from proxy.stores.entities.store import Query, Taken

MOST = 10_000

_OWN = MappingProxyType({"models": "models", "metadata": "metadata"})


class TagBody(LimitsBody):
    """What a tag can have; sums in US dollars."""

    description: Text | None = None
    models: Names | None = None
    metadata: dict[str, Any] | None = None
    budget_reset_at: Moment | None = None


class NewTag(TagBody):
    """A new tag."""

    name: Id


class UpdateTag(TagBody):
    """What to change of a tag: the fields that are there."""

    name: Name


class SeveralTags(Body):
    """Several tags."""

    names: Annotated[list[Name], Field(max_length=500)]


class OneTag(Body):
    """One tag."""

    name: Name


class ListQuery(Body):
    """Which tags to list."""

    search: MaybeName = None


class TagAnswer(LimitColumns):
    """A tag as LiteLLM shows it."""

    name: str
    description: str | None = None
    models: list[str] = Field(default_factory=list)
    model_info: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    spend: float = 0.0
    total_spend: float = 0.0
    budget_reset_at: datetime | None = None
    litellm_budget_table: dict[str, Any] | None = None


class TagChanged(Answer):
    """What became of a tag, in words, and how it stands now."""

    message: str
    tag: TagAnswer


class Said(Answer):
    """What became of it, in words."""

    message: str


async def new_tag(session: Session, body: NewTag) -> TagChanged:
    """Makes a tag."""
    await check_budget(session, body.budget_id)
    tag = Tag(
        **_fields(body),
        id=body.name,
        created_at=session.now,
        updated_at=session.now,
        created_by=session.actor.name,
    )
    try:
        await session.entities.add(tag, session.actor)
    except Taken:
        raise DetailedRefusal(f"Tag {body.name} already exists", "name") from None
    (shown,) = await _shown(session, [tag])
    return TagChanged(message=f"Tag {body.name} created successfully", tag=shown)


async def update_tag(session: Session, body: UpdateTag) -> TagChanged:
    """Changes the fields that were sent."""
    await check_budget(session, body.budget_id)
    changed = await session.entities.change(
        Tag, body.name, lambda one: one.model_copy(update=_fields(body)), session.actor
    )
    if changed is None:
        raise _missing(body.name)
    (shown,) = await _shown(session, [changed])
    return TagChanged(message=f"Tag {body.name} updated successfully", tag=shown)


async def tag_info(session: Session, body: SeveralTags) -> dict[str, TagAnswer]:
    """These tags by their names."""
    found = await session.entities.many(Tag, list(dict.fromkeys(body.names)))
    known = {one.id for one in found}
    for name in body.names:
        if name not in known:
            raise _missing(name)
    return {one.name: one for one in await _shown(session, found)}


async def list_tags(session: Session, query: ListQuery) -> list[TagAnswer]:
    """All tags that have a row."""
    search = {"id": query.search} if query.search else {}
    found = await session.entities.find(Tag, Query(search=search, limit=MOST))
    return await _shown(session, found)


async def delete_tag(session: Session, body: OneTag) -> Said:
    """Deletes a tag; what was spent with it stays in the ledger."""
    if not await session.entities.remove(Tag, [body.name], session.actor):
        raise _missing(body.name)
    return Said(message=f"Tag {body.name} deleted successfully")


def _fields(body: TagBody) -> dict[str, Any]:
    found = {**limits_of(body), **renamed(body, _OWN)}
    if "description" in body.model_fields_set:
        found["description"] = body.description
    return found


async def _shown(session: Session, tags: list[Tag]) -> list[TagAnswer]:
    shared = await shared_budgets(session.entities, tags)
    spent = await spending_of(
        session.ledger, [(f"tag:{one.id}", one) for one in tags], shared, session.now
    )
    return [
        TagAnswer(
            **limit_columns(one),
            name=one.id,
            description=one.description,
            models=list(one.models),
            metadata=one.metadata,
            spend=usd(spending.spent),
            total_spend=usd(spending.total),
            litellm_budget_table=budget_table(one, shared.get(one.budget_id or "")),
            budget_reset_at=spending.reset_at,
        )
        for one, spending in zip(tags, spent, strict=True)
    ]


def _missing(name: str) -> DetailedNotFound:
    return DetailedNotFound(f"Tag {name} not found", "name")


TAG_ENDPOINTS: tuple[Endpoint, ...] = (
    posting("/tag/new", new_tag, NewTag, TagChanged),
    posting("/tag/update", update_tag, UpdateTag, TagChanged),
    posting("/tag/delete", delete_tag, OneTag, Said),
    asking("/tag/info", tag_info, SeveralTags, dict[str, TagAnswer]),
    getting("/tag/list", list_tags, ListQuery, list[TagAnswer]),
)
