"""The kinds of fields that the bodies of admin calls are made of.

The rule: every number and every text has an end, so that whatever is accepted can be kept, counted
and shown by every store.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from pipelines.periods import check_duration, seconds_of
from proxy.admin.money import MOST_USD

LONGEST = 100 * 365 * 86_400
MOST = 2**53 - 1


def _duration(text: str) -> str:
    short = check_duration(text)
    if seconds_of(short) > LONGEST:
        raise ValueError("a duration is at most 100 years")
    return short


def _aware(moment: datetime) -> datetime:
    if not 1970 <= moment.year <= 8999:
        raise ValueError("a date is between 1970 and 8999")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _empty_is_none(value: Any) -> Any:
    return None if value == "" else value


Usd = Annotated[float, Field(ge=0, le=MOST_USD, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=MOST)]
Name = Annotated[str, Field(min_length=1, max_length=256)]
Text = Annotated[str, Field(max_length=4096)]
Duration = Annotated[str, Field(max_length=32), AfterValidator(_duration)]
Moment = Annotated[datetime, AfterValidator(_aware)]
# Dashboards send an empty text where nothing was typed.
MaybeName = Annotated[Name | None, BeforeValidator(_empty_is_none)]
Page = Annotated[int, Field(ge=1, le=1_000_000)]
PageSize = Annotated[int, Field(ge=1, le=100)]


class Body(BaseModel):
    """What a client sends; unknown fields are left out."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=(), hide_input_in_errors=True)


class OpenBody(Body):
    """What a client sends, with fields kept that we do not know."""

    model_config = ConfigDict(extra="allow")


class Answer(BaseModel):
    """What a client gets."""

    model_config = ConfigDict(protected_namespaces=())


class OpenAnswer(Answer):
    """What a client gets, with whatever it had sent besides."""

    model_config = ConfigDict(extra="allow")


class BudgetLimitBody(Body):
    """A sum in US dollars for a duration."""

    max_budget: Usd
    budget_duration: Duration


class ModelBudgetBody(Body):
    """A sum in US dollars and rates for one model; LiteLLM's older names are understood too."""

    max_budget: Usd | None = None
    budget_duration: Duration | None = None
    budget_limit: Usd | None = None
    time_period: Duration | None = None
    rpm_limit: Count | None = None
    tpm_limit: Count | None = None


def later(moment: datetime, duration: str) -> datetime:
    """The moment after a duration."""
    return moment + timedelta(seconds=seconds_of(duration))
