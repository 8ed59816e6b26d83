"""What the model routes give.

The rule: no key of a provider is shown, only a hint of it; who does not administer the gateway sees
the models that he may use, and nothing of where they are served.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic import Field

from pipelines.deployment import Deployment
from pipelines.money import PICO
from proxy.admin.columns import Stamped, stamps
from proxy.admin.fields import Answer
from proxy.admin.session import Session
from proxy.stores.entities.kinds import StoredModel
from proxy.stores.entities.sealing import CannotOpen
from proxy.stores.entities.stored_models import NoSaltKey, shown

MOST = 10_000


class StoredAnswer(Stamped):
    """A stored model as LiteLLM's table has it; secrets are masked."""

    model_id: str
    model_name: str
    litellm_params: dict[str, Any]
    model_info: dict[str, Any]
    blocked: bool = False


class ModelAnswer(Answer):
    """One way to serve a model."""

    model_name: str
    litellm_params: dict[str, Any]
    model_info: dict[str, Any]


class ModelList(Answer):
    """Every way to serve the models that the caller may use."""

    data: list[ModelAnswer]


class ModelPage(ModelList):
    """A page of them."""

    total_count: int
    current_page: int
    total_pages: int
    size: int


class GroupAnswer(Answer):
    """One public name, whoever serves it."""

    model_group: str
    providers: list[str]
    max_input_tokens: float | None = None
    max_output_tokens: float | None = None
    input_cost_per_token: float | None = None
    output_cost_per_token: float | None = None
    input_cost_per_pixel: float | None = None
    mode: str | None = "chat"
    tpm: int | None = None
    rpm: int | None = None
    supports_parallel_function_calling: bool = False
    supports_vision: bool = False
    supports_web_search: bool = False
    supports_url_context: bool = False
    supports_reasoning: bool = False
    supports_function_calling: bool = False
    supported_openai_params: list[str] | None = Field(default_factory=list)
    configurable_clientside_auth_params: list[Any] | None = None
    description: str | None = None


class GroupList(Answer):
    """All public names that the caller may use."""

    data: list[GroupAnswer]


def stored_shown(session: Session, model: StoredModel) -> StoredAnswer:
    """A stored model as an administrator reads it."""
    return StoredAnswer(
        **stamps(model),
        model_id=model.id,
        model_name=model.model_name,
        litellm_params=_opened(session, model),
        model_info={**model.info, "id": model.id, "db_model": True},
        blocked=model.blocked,
    )


async def models_shown(session: Session) -> list[ModelAnswer]:
    """Every way to serve a model that the caller may use. Raises StoreUnavailable."""
    served = [
        one
        for one in session.settings.routes.deployments
        if session.reach.sees_all or session.principal.may_use(one.group)
    ]
    ids = [one.id for one in served]
    stored = {one.id: one for one in await session.entities.many(StoredModel, ids)}
    return [_model(session, one, stored.get(one.id)) for one in served]


def _model(session: Session, one: Deployment, stored: StoredModel | None) -> ModelAnswer:
    params: dict[str, Any] = {"model": f"{one.provider.name}/{one.model}"}
    if session.reach.sees_all:
        params = _opened(session, stored) if stored else _written(session, one, params)
    return ModelAnswer(
        model_name=one.group,
        litellm_params=params,
        model_info={
            **(stored.info if stored and session.reach.sees_all else {}),
            "id": one.id,
            "db_model": stored is not None,
            "litellm_provider": one.provider.name,
            "max_output_tokens": one.max_output,
            **costs(one, session.now.timestamp()),
        },
    )


def _written(session: Session, one: Deployment, params: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        **params,
        "api_base": one.base_url or None,
        "api_key": session.settings.key_hints.get(one.id),
        "api_version": one.api_version or None,
        "weight": one.weight,
        "rpm": one.rpm,
        "tpm": one.tpm,
        "order": one.order or None,
        "timeout": one.timeout,
        "stream_timeout": one.stream_timeout,
        "max_retries": one.max_retries,
    }
    return {name: value for name, value in found.items() if value is not None}


def _opened(session: Session, model: StoredModel) -> dict[str, Any]:
    try:
        return shown(session.backing.models.open(model))
    except (CannotOpen, NoSaltKey) as error:
        # The row is still listed, so that somebody can delete it.
        return {"model": "", "error": str(error)}


def costs(deployment: Deployment, moment: float) -> dict[str, float | None]:
    """What a token costs in US dollars, as far as it is known."""
    tariff = deployment.tariff
    if tariff is None:
        return {"input_cost_per_token": None, "output_cost_per_token": None}
    prices = tariff.at(moment)
    return {
        "input_cost_per_token": _usd(prices.prompt),
        "output_cost_per_token": _usd(prices.completion),
    }


def groups_shown(
    session: Session, names: Iterable[str], deployments: Sequence[Deployment]
) -> list[GroupAnswer]:
    """These public names, each with what its deployments have in common or at most."""
    found = []
    for name in dict.fromkeys(names):
        members = [one for one in deployments if one.group == name]
        priced = [costs(one, session.now.timestamp()) for one in members]
        found.append(
            GroupAnswer(
                model_group=name,
                providers=list(dict.fromkeys(one.provider.name for one in members)),
                max_output_tokens=_most(one.max_output for one in members),
                input_cost_per_token=_most(one["input_cost_per_token"] for one in priced),
                output_cost_per_token=_most(one["output_cost_per_token"] for one in priced),
                tpm=_sum(one.tpm for one in members),
                rpm=_sum(one.rpm for one in members),
            )
        )
    return found


def _usd(pico: int) -> float:
    return float(Decimal(pico) / PICO)


def _most(values: Iterable[float | None]) -> float | None:
    return max((one for one in values if one is not None), default=None)


def _sum(values: Iterable[int | None]) -> int | None:
    known = [one for one in values if one is not None]
    return sum(known) if known else None
