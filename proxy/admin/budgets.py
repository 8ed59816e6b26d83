"""Shared budgets: limits under a name that keys, customers and others refer to.

The rule: a budget that is deleted leaves whoever named it without it, and says nothing of them.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from proxy.admin.columns import LimitColumns, limit_columns
from proxy.admin.errors import DetailedNotFound, DetailedRefusal
from proxy.admin.fields import Answer, Body, Count, Moment, Name
from proxy.admin.frame import Endpoint
from proxy.admin.ids import MaybeId
from proxy.admin.keys_bodies import LimitsBody, Names
from proxy.admin.limits import limits_of
from proxy.admin.money import maybe_usd
from proxy.admin.session import Session
from proxy.admin.shorthand import asking, getting, posting
from proxy.admin.spending import reset_at
from proxy.stores.entities.kinds import SharedBudget
from proxy.stores.entities.store import Query, Taken

MOST = 10_000


class BudgetBody(LimitsBody):
    """A shared budget; sums in US dollars."""

    budget_id: MaybeId = None
    tpd_limit: Count | None = None
    allowed_models: Names | None = None
    budget_reset_at: Moment | None = None


class SeveralBudgets(Body):
    """Several budgets."""

    budgets: Annotated[list[Name], Field(max_length=500)]


class OneBudget(Body):
    """One budget."""

    id: Name


class SettingsQuery(Body):
    """One budget."""

    budget_id: Name


class BudgetAnswer(LimitColumns):
    """A shared budget as LiteLLM's table has it."""

    budget_reset_at: datetime | None = None
    allowed_models: list[str] | None = None
    temp_budget_increase: float | None = None
    temp_budget_expiry: datetime | None = None


class BudgetField(Answer):
    """One field of a budget, for a form."""

    field_name: str
    field_type: str
    field_description: str
    field_value: Any = None
    stored_in_db: bool | None = None


async def new_budget(session: Session, body: BudgetBody) -> BudgetAnswer:
    """Makes a shared budget."""
    fields = limits_of(body)
    fields.pop("budget_id", None)
    budget = SharedBudget(
        **fields,
        id=body.budget_id or str(uuid.uuid4()),
        settings=_settings(body),
        created_at=session.now,
        updated_at=session.now,
        created_by=session.actor.name,
    )
    try:
        await session.entities.add(budget, session.actor)
    except Taken:
        raise DetailedRefusal(
            f"Budget id = {budget.id} already exists. Please use a different budget id."
        ) from None
    return budget_shown(budget, session.now)


async def update_budget(session: Session, body: BudgetBody) -> BudgetAnswer:
    """Changes the fields that were sent; holds for everybody who has this budget."""
    if body.budget_id is None:
        raise DetailedRefusal("budget_id is required")
    fields = limits_of(body)
    fields.pop("budget_id", None)

    def alter(one: SharedBudget) -> SharedBudget:
        settings = {**one.settings, **_settings(body)}
        return one.model_copy(update={**fields, "settings": settings})

    changed = await session.entities.change(SharedBudget, body.budget_id, alter, session.actor)
    if changed is None:
        raise _missing(body.budget_id)
    return budget_shown(changed, session.now)


async def budget_info(session: Session, body: SeveralBudgets) -> list[BudgetAnswer]:
    """These budgets, as far as there are any."""
    if not body.budgets:
        raise DetailedRefusal("Specify list of budget id's to query. Passed in=[]")
    found = await session.entities.many(SharedBudget, body.budgets)
    return [budget_shown(one, session.now) for one in found]


async def list_budgets(session: Session, query: None) -> list[BudgetAnswer]:
    """All budgets."""
    found = await session.entities.find(SharedBudget, Query(limit=MOST))
    return [budget_shown(one, session.now) for one in found]


async def delete_budget(session: Session, body: OneBudget) -> BudgetAnswer:
    """Deletes a budget; gives what was deleted."""
    removed = await session.entities.remove(SharedBudget, [body.id], session.actor)
    if not removed:
        raise _missing(body.id)
    return budget_shown(removed[0], session.now)


async def budget_settings(session: Session, query: SettingsQuery) -> list[BudgetField]:
    """The fields of a budget with their values, for a form."""
    budget = await session.entities.get(SharedBudget, query.budget_id)
    if budget is None:
        raise _missing(query.budget_id)
    shown = budget_shown(budget, session.now).model_dump(mode="json")
    return [
        BudgetField(
            field_name=name,
            field_type=kind,
            field_description=words,
            field_value=shown.get(name),
            stored_in_db=shown.get(name) is not None,
        )
        for name, kind, words in _FIELDS
    ]


def budget_shown(budget: SharedBudget, now: datetime) -> BudgetAnswer:
    """A shared budget as a client reads it."""
    return BudgetAnswer(
        **{
            **budget.settings,
            **limit_columns(budget),
            "budget_id": budget.id,
            "budget_reset_at": reset_at(budget.budget_duration or "", now),
            "temp_budget_increase": maybe_usd(budget.temp_budget_increase),
            "temp_budget_expiry": budget.temp_budget_expiry,
        }
    )


def _settings(body: BudgetBody) -> dict[str, Any]:
    # When it begins anew is a matter of the calendar; what was sent for it is not kept.
    return body.model_dump(
        mode="json", include={"tpd_limit", "allowed_models"} & body.model_fields_set
    )


def _missing(id: str) -> DetailedNotFound:
    return DetailedNotFound(f"Budget not found, passed budget_id={id}", "budget_id")


_FIELDS = (
    ("max_budget", "Float", "The most that may be spent, in US dollars."),
    ("soft_budget", "Float", "Where a warning is due, in US dollars."),
    ("budget_duration", "String", "When the budget begins anew, such as 30d or 1mo."),
    ("max_parallel_requests", "Integer", "How many calls may run at once."),
    ("tpm_limit", "Integer", "How many tokens a minute."),
    ("rpm_limit", "Integer", "How many calls a minute."),
    ("model_max_budget", "Dictionary", "Budgets of single models."),
)

BUDGET_ENDPOINTS: tuple[Endpoint, ...] = (
    posting("/budget/new", new_budget, BudgetBody, BudgetAnswer),
    posting("/budget/update", update_budget, BudgetBody, BudgetAnswer),
    posting("/budget/delete", delete_budget, OneBudget, BudgetAnswer),
    asking("/budget/info", budget_info, SeveralBudgets, list[BudgetAnswer]),
    getting("/budget/list", list_budgets, None, list[BudgetAnswer]),
    getting("/budget/settings", budget_settings, SettingsQuery, list[BudgetField]),
)
