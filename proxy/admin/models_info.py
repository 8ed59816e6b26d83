"""Lists the models with their facts.

The rule: answered from what is served now; a caller sees the models that he may use.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from proxy.admin.columns import pages
from proxy.admin.errors import DetailedRefusal
from proxy.admin.fields import Body, Name, Page
from proxy.admin.frame import Endpoint
from proxy.admin.models_answers import (
    GroupList,
    ModelAnswer,
    ModelList,
    ModelPage,
    groups_shown,
    models_shown,
)
from proxy.admin.roles import EVERYBODY
from proxy.admin.session import Session
from proxy.admin.shorthand import getting


class InfoQuery(Body):
    """One model, or all."""

    litellm_model_id: Name | None = None


class PageQuery(Body):
    """Which models, and which page of them."""

    model: Name | None = None
    search: Name | None = None
    modelId: Name | None = None
    page: Page = 1
    size: Annotated[int, Field(ge=1, le=1000)] = 50
    sortBy: Name | None = None
    sortOrder: Literal["asc", "desc"] = "asc"


class GroupQuery(Body):
    """One public name, or all."""

    model_group: Name | None = None


async def model_info(session: Session, query: InfoQuery) -> ModelList:
    """Every way to serve the models that the caller may use."""
    found = await models_shown(session)
    if query.litellm_model_id is not None:
        found = [one for one in found if one.model_info["id"] == query.litellm_model_id]
        if not found:
            raise DetailedRefusal(f"Model id = {query.litellm_model_id} not found on litellm proxy")
    return ModelList(data=found)


async def model_page(session: Session, query: PageQuery) -> ModelPage:
    """A page of them."""
    found = [one for one in await models_shown(session) if _fits(one, query)]
    if query.sortBy == "model_name":
        found.sort(key=lambda one: one.model_name, reverse=query.sortOrder == "desc")
    first = (query.page - 1) * query.size
    return ModelPage(
        data=found[first : first + query.size],
        total_count=len(found),
        current_page=query.page,
        total_pages=pages(len(found), query.size),
        size=query.size,
    )


def _fits(one: ModelAnswer, query: PageQuery) -> bool:
    if query.model is not None and one.model_name != query.model:
        return False
    if query.modelId is not None and one.model_info["id"] != query.modelId:
        return False
    return query.search is None or query.search.lower() in one.model_name.lower()


async def model_groups(session: Session, query: GroupQuery) -> GroupList:
    """The public names that the caller may use."""
    served = session.settings.routes.deployments
    names = [
        one.group
        for one in served
        if (session.reach.sees_all or session.principal.may_use(one.group))
        and query.model_group in (None, one.group)
    ]
    return GroupList(data=groups_shown(session, names, served))


MODEL_INFO_ENDPOINTS: tuple[Endpoint, ...] = (
    getting("/model/info", model_info, InfoQuery, ModelList, EVERYBODY),
    getting("/v1/model/info", model_info, InfoQuery, ModelList, EVERYBODY),
    getting("/v2/model/info", model_page, PageQuery, ModelPage, EVERYBODY),
    getting("/model_group/info", model_groups, GroupQuery, GroupList, EVERYBODY),
)
