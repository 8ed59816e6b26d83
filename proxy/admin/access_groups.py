"""Access groups: names that stand for several models in a key's, team's or user's list.

The rule: a group holds names of models and wildcards; whether they are served is not its matter.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from proxy.admin.columns import Stamped, stamps
from proxy.admin.errors import DetailedNotFound, DetailedRefusal
from proxy.admin.fields import Answer, Body, Name
from proxy.admin.frame import Endpoint
from proxy.admin.keys_bodies import Names
from proxy.admin.session import Session
from proxy.admin.shorthand import getting, posting
from proxy.stores.entities.kinds import AccessGroup
from proxy.stores.entities.store import Query, Taken

MOST = 10_000


class NewGroup(Body):
    """A new group and its models."""

    access_group: Name
    model_names: Annotated[Names, Field(min_length=1)]


class UpdateGroup(Body):
    """The models that the group shall have from now on."""

    model_names: Annotated[Names, Field(min_length=1)]


class GroupAnswer(Stamped):
    """A group and its models."""

    access_group: str
    model_names: list[str]
    deployment_count: int


class GroupList(Answer):
    """All groups."""

    access_groups: list[GroupAnswer]


class GroupDeleted(Answer):
    """Which group was deleted."""

    access_group: str
    models_updated: int
    message: str


async def new_group(session: Session, body: NewGroup) -> GroupAnswer:
    """Makes a group."""
    group = AccessGroup(
        id=body.access_group,
        models=tuple(dict.fromkeys(body.model_names)),
        created_at=session.now,
        updated_at=session.now,
        created_by=session.actor.name,
    )
    try:
        await session.entities.add(group, session.actor)
    except Taken:
        raise DetailedRefusal(f"Access group '{group.id}' already exists.") from None
    return _shown(session, group)


async def update_group(session: Session, body: UpdateGroup) -> GroupAnswer:
    """Puts other models into a group."""
    models = tuple(dict.fromkeys(body.model_names))
    name = session.path["access_group"]
    changed = await session.entities.change(
        AccessGroup, name, lambda one: one.model_copy(update={"models": models}), session.actor
    )
    if changed is None:
        raise _missing(name)
    return _shown(session, changed)


async def group_info(session: Session, query: None) -> GroupAnswer:
    """One group."""
    name = session.path["access_group"]
    found = await session.entities.get(AccessGroup, name)
    if found is None:
        raise _missing(name)
    return _shown(session, found)


async def list_groups(session: Session, query: None) -> GroupList:
    """All groups."""
    found = await session.entities.find(AccessGroup, Query(limit=MOST, sort="id", descending=False))
    return GroupList(access_groups=[_shown(session, one) for one in found])


async def delete_group(session: Session, query: None) -> GroupDeleted:
    """Deletes a group; whoever named it may use its models no longer."""
    name = session.path["access_group"]
    removed = await session.entities.remove(AccessGroup, [name], session.actor)
    if not removed:
        raise _missing(name)
    return GroupDeleted(
        access_group=name,
        models_updated=len(removed[0].models),
        message=f"Access group '{name}' deleted successfully",
    )


def _shown(session: Session, group: AccessGroup) -> GroupAnswer:
    served = [session.settings.routes.find(name) for name in group.models]
    return GroupAnswer(
        **stamps(group),
        access_group=group.id,
        model_names=list(group.models),
        deployment_count=sum(len(one) for one in served),
    )


def _missing(name: str) -> DetailedNotFound:
    return DetailedNotFound(f"Access group '{name[:256]}' not found.")


ACCESS_GROUP_ENDPOINTS: tuple[Endpoint, ...] = (
    posting("/access_group/new", new_group, NewGroup, GroupAnswer),
    getting("/access_group/list", list_groups, None, GroupList),
    getting("/access_group/{access_group}/info", group_info, None, GroupAnswer),
    Endpoint(
        method="PUT",
        path="/access_group/{access_group}/update",
        handler=update_group,
        body=UpdateGroup,
        answer=GroupAnswer,
    ),
    Endpoint(
        method="DELETE",
        path="/access_group/{access_group}/delete",
        handler=delete_group,
        answer=GroupDeleted,
    ),
)
