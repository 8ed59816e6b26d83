"""What the key routes give.

The rule: the fields are LiteLLM's, each of them always there; a secret is in no answer but the one
that made it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from pipelines.errors import LedgerUnavailable
from proxy.admin.fields import Answer, OpenAnswer
from proxy.admin.limits import shown_limits, shown_model_budgets
from proxy.admin.money import maybe_usd, usd
from proxy.admin.session import Session
from proxy.admin.spending import Spending, shared_budgets, spending_of
from proxy.stores.entities.kinds import Key, Limited, SharedBudget
from proxy.stores.entities.veil import veiled


class TokenInfo(Answer):
    """A key as LiteLLM's table has it, without its digest."""

    key_name: str | None = None
    key_alias: str | None = None
    spend: float = 0.0
    total_spend: float = 0.0
    max_budget: float | None = None
    expires: datetime | None = None
    models: list[Any] = Field(default_factory=list)
    aliases: dict[str, Any] = Field(default_factory=dict)
    config: dict[str, Any] = Field(default_factory=dict)
    user_id: str | None = None
    team_id: str | None = None
    agent_id: str | None = None
    project_id: str | None = None
    max_parallel_requests: int | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    tpm_limit: int | None = None
    rpm_limit: int | None = None
    tpd_limit: int | None = None
    budget_duration: str | None = None
    budget_reset_at: datetime | None = None
    allowed_cache_controls: list[Any] | None = Field(default_factory=list)
    allowed_routes: list[Any] | None = Field(default_factory=list)
    key_type: str | None = None
    permissions: dict[str, Any] = Field(default_factory=dict)
    model_spend: dict[str, Any] = Field(default_factory=dict)
    model_max_budget: dict[str, Any] = Field(default_factory=dict)
    budget_fallbacks: dict[str, Any] = Field(default_factory=dict)
    soft_budget_cooldown: bool = False
    blocked: bool | None = None
    litellm_budget_table: dict[str, Any] | None = None
    budget_id: str | None = None
    org_id: str | None = None
    created_at: datetime | None = None
    created_by: str | None = None
    updated_at: datetime | None = None
    updated_by: str | None = None
    settings_updated_at: datetime | None = None
    last_active: datetime | None = None
    object_permission_id: str | None = None
    object_permission: dict[str, Any] | None = None
    access_group_ids: list[str] | None = None
    rotation_count: int | None = 0
    auto_rotate: bool | None = False
    rotation_interval: str | None = None
    last_rotation_at: datetime | None = None
    key_rotation_at: datetime | None = None
    router_settings: dict[str, Any] | None = None
    budget_limits: list[dict[str, Any]] | None = None


class Token(TokenInfo):
    """A key as LiteLLM's table has it; `token` is its digest."""

    token: str | None = None


class UpdatedKey(Token):
    """A key after a change; `key` is what the caller named it by."""

    key: str


class GeneratedKey(OpenAnswer):
    """A new key: its secret for the only time, and what was asked for."""

    key: str
    key_name: str | None = None
    key_alias: str | None = None
    key_type: str | None = None
    token: str | None = None
    token_id: str | None = None
    expires: datetime | None = None
    duration: str | None = None
    models: list[Any] = Field(default_factory=list)
    spend: float | None = 0.0
    max_budget: float | None = None
    soft_budget: float | None = None
    user_id: str | None = None
    team_id: str | None = None
    agent_id: str | None = None
    organization_id: str | None = None
    project_id: str | None = None
    max_parallel_requests: int | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    tpm_limit: int | None = None
    rpm_limit: int | None = None
    tpd_limit: int | None = None
    budget_duration: str | None = None
    budget_limits: list[dict[str, Any]] | None = None
    allowed_cache_controls: list[Any] | None = Field(default_factory=list)
    config: dict[str, Any] = Field(default_factory=dict)
    permissions: dict[str, Any] = Field(default_factory=dict)
    model_max_budget: dict[str, Any] = Field(default_factory=dict)
    budget_fallbacks: dict[str, Any] | None = None
    model_rpm_limit: dict[str, int] | None = None
    model_tpm_limit: dict[str, int] | None = None
    mcp_rpm_limit: dict[str, Any] | None = None
    tag_rpm_limit: dict[str, Any] | None = None
    guardrails: list[str] | None = None
    policies: list[Any] | None = None
    prompts: list[Any] | None = None
    blocked: bool | None = None
    aliases: dict[str, Any] = Field(default_factory=dict)
    object_permission: dict[str, Any] | None = None
    default_estimated_output_tokens: int | None = None
    default_estimated_output_tokens_per_model: dict[str, Any] | None = None
    budget_id: str | None = None
    end_user_budget_id: str | None = None
    tags: list[str] | None = None
    disable_global_guardrails: bool | None = None
    enable_prompt_caching: bool | None = None
    throttle_on_budget_exceeded: bool | None = None
    enforced_params: list[Any] | None = None
    allowed_routes: list[Any] | None = Field(default_factory=list)
    allowed_passthrough_routes: list[Any] | None = None
    denied_passthrough_routes: list[Any] | None = None
    allowed_vector_store_indexes: list[Any] | None = None
    rpm_limit_type: str | None = None
    tpm_limit_type: str | None = None
    router_settings: dict[str, Any] | None = None
    access_group_ids: list[str] | None = None
    auto_rotate: bool | None = False
    rotation_interval: str | None = None
    litellm_budget_table: dict[str, Any] | None = None
    created_by: str | None = None
    updated_by: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class KeyInfo(Answer):
    """One key; `key` is what the caller named it by."""

    key: str
    info: TokenInfo


class KeysInfo(Answer):
    """Several keys, in the order in which they were named."""

    key: list[str]
    info: list[TokenInfo]


class DeletedKeys(Answer):
    """What was deleted, as the caller named it."""

    deleted_keys: list[str]


class KeyList(Answer):
    """A page of keys: digests, or whole rows."""

    keys: list[str | Token]
    total_count: int
    current_page: int
    total_pages: int


class AliasList(Answer):
    """A page of aliases."""

    aliases: list[str]
    total_count: int
    current_page: int
    total_pages: int
    size: int


class Changed(Answer):
    """A key that was changed, and how it stands now."""

    key: str
    key_info: Token


class Unchanged(Answer):
    """A key that could not be changed, and why."""

    key: str
    key_info: Token | None = None
    failed_reason: str


class BulkResult(Answer):
    """What became of each key."""

    total_requested: int
    successful_updates: list[Changed]
    failed_updates: list[Unchanged]


class Callbacks(Answer):
    """How the places that a key logs to fare."""

    callbacks: list[str] = Field(default_factory=list)
    status: Literal["healthy", "unhealthy"] = "healthy"
    details: str | None = None


class KeyHealth(Answer):
    """Whether a key works as it is set up."""

    key: Literal["healthy", "unhealthy"]
    logging_callbacks: Callbacks | None = None


async def tokens(session: Session, keys: Sequence[Key]) -> list[Token]:
    """These keys with what they have spent. Raises LedgerUnavailable and StoreUnavailable."""
    shared = await shared_budgets(session.entities, keys)
    rows = [(f"key:{one.id}", one) for one in keys]
    spent = await spending_of(session.ledger, rows, shared, session.now)
    return [_row(session, one, spending, shared) for one, spending in zip(keys, spent, strict=True)]


def without_digest(row: Token) -> TokenInfo:
    """The row as /key/info shows it."""
    return TokenInfo.model_validate(row.model_dump(exclude={"token"}))


async def generated(
    session: Session, key: Key, secret: str, asked: Mapping[str, Any]
) -> GeneratedKey:
    """The answer to who made this key; `asked` is what he sent."""
    try:
        (row,) = await tokens(session, [key])
    except LedgerUnavailable:
        # The key is kept by now and its secret is shown this once: no sum may stand in its way.
        shared = await shared_budgets(session.entities, [key])
        row = _row(session, key, Spending(), shared)
    known = GeneratedKey.model_fields
    columns = {name: value for name, value in row.model_dump().items() if name in known}
    kept = {name: value for name, value in key.settings.items() if name not in columns}
    return GeneratedKey.model_validate(
        {
            **kept,
            **columns,
            "metadata": veiled(key.metadata),
            "key": secret,
            "token_id": key.digest,
            "duration": asked.get("duration"),
            "soft_budget": maybe_usd(key.soft_budget),
            "organization_id": key.organization_id,
            "tags": list(key.tags) or None,
            "guardrails": list(key.guardrails) or None,
            "model_rpm_limit": key.model_rpm_limit or None,
            "model_tpm_limit": key.model_tpm_limit or None,
        }
    )


def shown_metadata(metadata: Mapping[str, Any], extra: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The metadata with what LiteLLM keeps in it, where it is set."""
    return {**veiled(metadata), **{name: value for name, value in extra if value}}


def _row(
    session: Session, key: Key, spending: Spending, shared: Mapping[str, SharedBudget]
) -> Token:
    columns = _columns(key, spending, shared)
    if session.settings.rotation is None:
        # A date that would only pass.
        columns["key_rotation_at"] = None
    return Token(token=key.digest, **columns)


def _columns(key: Key, spending: Spending, shared: Mapping[str, SharedBudget]) -> dict[str, Any]:
    kept = {name: key.settings[name] for name in _KEPT if name in key.settings}
    extra = [
        ("tags", list(key.tags)),
        ("guardrails", list(key.guardrails)),
        ("model_rpm_limit", key.model_rpm_limit),
        ("model_tpm_limit", key.model_tpm_limit),
        ("allowed_ips", list(key.allowed_ips)),
        *((name, value) for name, value in key.settings.items() if name not in _KEPT),
    ]
    return {
        **kept,
        **{name: getattr(key, name) for name in _SAME},
        "key_name": key.name,
        "key_alias": key.alias,
        "org_id": key.organization_id,
        "models": list(key.models),
        "allowed_routes": list(key.allowed_routes),
        "access_group_ids": list(key.access_group_ids) or None,
        "metadata": shown_metadata(key.metadata, extra),
        "max_budget": maybe_usd(key.max_budget),
        "spend": usd(spending.spent),
        "total_spend": usd(spending.total),
        "model_spend": spending.model_usd,
        "model_max_budget": shown_model_budgets(key.model_max_budget),
        "budget_limits": shown_limits(key),
        "budget_reset_at": spending.reset_at,
        "litellm_budget_table": budget_table(key, shared.get(key.budget_id or "")),
        "settings_updated_at": key.updated_at,
    }


def budget_table(entity: Limited, shared: SharedBudget | None) -> dict[str, Any] | None:
    """The budget that the entity shares, or the soft one of its own, as LiteLLM's budget table."""
    source = shared or (entity if entity.soft_budget is not None else None)
    if source is None:
        return None
    return {
        "budget_id": shared.id if shared else None,
        "max_budget": maybe_usd(source.max_budget),
        "soft_budget": maybe_usd(source.soft_budget),
        "max_parallel_requests": source.max_parallel_requests,
        "tpm_limit": source.tpm_limit,
        "rpm_limit": source.rpm_limit,
        "budget_duration": source.budget_duration,
        "model_max_budget": shown_model_budgets(source.model_max_budget) or None,
    }


_SAME = (
    "expires", "aliases", "user_id", "team_id", "max_parallel_requests", "tpm_limit", "rpm_limit",
    "budget_duration", "key_type", "permissions", "blocked", "budget_id", "created_at",
    "created_by", "updated_at", "updated_by", "rotation_count", "auto_rotate", "rotation_interval",
    "last_rotation_at", "key_rotation_at",
)  # fmt: skip
# Columns of LiteLLM's table for which a key has no field of its own.
_KEPT = (
    "config", "agent_id", "project_id", "tpd_limit", "allowed_cache_controls", "budget_fallbacks",
    "object_permission", "router_settings",
)  # fmt: skip
