"""The columns that the answers about teams, budgets, customers and organizations share.

The rule: what an answer shows of an entity is listed here or in its own answer; nothing is copied
from a row as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from proxy.admin.fields import OpenAnswer
from proxy.admin.limits import shown_limits, shown_model_budgets
from proxy.admin.money import maybe_usd
from proxy.stores.entities.kinds import Entity, Limited


class Stamped(OpenAnswer):
    """Who made and changed a row, and when."""

    created_at: datetime | None = None
    created_by: str | None = None
    updated_at: datetime | None = None
    updated_by: str | None = None


class LimitColumns(Stamped):
    """Limits as a client reads them; sums in US dollars."""

    max_budget: float | None = None
    soft_budget: float | None = None
    budget_duration: str | None = None
    budget_limits: list[dict[str, Any]] | None = None
    model_max_budget: dict[str, Any] = Field(default_factory=dict)
    model_rpm_limit: dict[str, int] | None = None
    model_tpm_limit: dict[str, int] | None = None
    rpm_limit: int | None = None
    tpm_limit: int | None = None
    tpd_limit: int | None = None
    max_parallel_requests: int | None = None
    budget_id: str | None = None


def stamps(entity: Entity) -> dict[str, Any]:
    """Who made and changed the entity, and when."""
    return {
        "created_at": entity.created_at,
        "created_by": entity.created_by,
        "updated_at": entity.updated_at,
        "updated_by": entity.updated_by,
    }


def limit_columns(entity: Limited) -> dict[str, Any]:
    """The limits and the stamps of an entity."""
    return {
        **stamps(entity),
        "max_budget": maybe_usd(entity.max_budget),
        "soft_budget": maybe_usd(entity.soft_budget),
        "budget_duration": entity.budget_duration,
        "budget_limits": shown_limits(entity),
        "model_max_budget": shown_model_budgets(entity.model_max_budget),
        "model_rpm_limit": entity.model_rpm_limit or None,
        "model_tpm_limit": entity.model_tpm_limit or None,
        "rpm_limit": entity.rpm_limit,
        "tpm_limit": entity.tpm_limit,
        "max_parallel_requests": entity.max_parallel_requests,
        "budget_id": entity.budget_id,
    }


def kept(body: BaseModel, names: Iterable[str]) -> dict[str, Any]:
    """Of the fields that are only kept and shown again, those that were sent."""
    return body.model_dump(mode="json", include=set(names) & body.model_fields_set)


def renamed(body: BaseModel, names: Mapping[str, str]) -> dict[str, Any]:
    """The fields that were sent, under the entity's names; what was sent as null is left out."""
    found: dict[str, Any] = {}
    for sent, own in names.items():
        value = getattr(body, sent) if sent in body.model_fields_set else None
        if value is not None:
            found[own] = tuple(value) if isinstance(value, list) else value
    return found


def pages(total: int, size: int) -> int:
    """How many pages there are."""
    return -(-total // size)
