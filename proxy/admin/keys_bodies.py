"""What the key routes take.

The rule: every field of LiteLLM's key bodies is accepted; what we have no field for is kept in the
key's settings.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from pipelines.addresses import networks
from proxy.admin.fields import (
    MOST,
    Body,
    BudgetLimitBody,
    Count,
    Duration,
    MaybeName,
    ModelBudgetBody,
    Moment,
    Name,
    OpenBody,
    Page,
    PageSize,
    Text,
    Usd,
)

KeyType = Literal["llm_api", "management", "read_only", "default"]
FOR_EVER = "-1"


def _plain_secret(secret: str) -> str:
    if not secret.startswith("sk-") or not secret.isascii() or not secret.isprintable():
        raise ValueError("a key begins with sk- and is of printable ASCII characters")
    return secret


def _of_networks(listed: list[str]) -> list[str]:
    networks(listed)
    return listed


Secret = Annotated[str, Field(min_length=16, max_length=256), AfterValidator(_plain_secret)]
KeyName = Annotated[str, Field(min_length=1, max_length=512)]
Names = Annotated[list[Name], Field(max_length=2000)]
Networks = Annotated[Names, AfterValidator(_of_networks)]
Tokens = Annotated[int, Field(ge=1, le=MOST)]
LimitType = Literal["guaranteed_throughput", "best_effort_throughput", "dynamic"]


_IN_METADATA = frozenset({"tags", "guardrails", "model_rpm_limit", "model_tpm_limit"})


def _lifted(body: Any) -> Any:
    # LiteLLM's clients put these into the metadata, and its answers show them there.
    metadata = body.get("metadata") if isinstance(body, dict) else None
    if not isinstance(metadata, dict):
        return body
    moved = _IN_METADATA & set(metadata)
    found = {
        **body,
        "metadata": {name: one for name, one in metadata.items() if name not in moved},
    }
    return found | {name: metadata[name] for name in moved if body.get(name) is None}


class LimitsBody(OpenBody):
    """The limits that keys and users have in common; sums in US dollars."""

    @model_validator(mode="before")
    @classmethod
    def lift(cls, body: Any) -> Any:
        """Take out of the metadata what has a field of its own."""
        return _lifted(body)

    max_budget: Usd | None = None
    soft_budget: Usd | None = None
    budget_duration: Duration | None = None
    budget_limits: Annotated[list[BudgetLimitBody], Field(max_length=20)] | None = None
    model_max_budget: dict[Name, ModelBudgetBody | Usd] | None = None
    model_rpm_limit: dict[Name, Count] | None = None
    model_tpm_limit: dict[Name, Count] | None = None
    rpm_limit: Count | None = None
    tpm_limit: Count | None = None
    max_parallel_requests: Count | None = None
    budget_id: MaybeName = None
    temp_budget_increase: Usd | None = None
    temp_budget_expiry: Moment | None = None
    spend: Usd | None = None


class KeyBody(LimitsBody):
    """LiteLLM's KeyRequestBase."""

    key_alias: MaybeName = None
    duration: Duration | Literal["-1"] | None = None
    models: Names | None = None
    user_id: MaybeName = None
    team_id: MaybeName = None
    organization_id: MaybeName = None
    project_id: MaybeName = None
    agent_id: MaybeName = None
    metadata: dict[str, Any] | None = None
    permissions: dict[str, Any] | None = None
    aliases: dict[Name, Name] | None = None
    config: dict[str, Any] | None = None
    tags: Names | None = None
    guardrails: Names | None = None
    allowed_routes: Names | None = None
    allowed_ips: Networks | None = None
    access_group_ids: Names | None = None
    allowed_cache_controls: list[Any] | None = None
    blocked: bool | None = None
    tpd_limit: Count | None = None
    budget_fallbacks: dict[str, list[str]] | None = None
    mcp_rpm_limit: dict[str, Count] | None = None
    tag_rpm_limit: dict[str, Count] | None = None
    policies: list[str] | None = None
    prompts: list[str] | None = None
    object_permission: dict[str, Any] | None = None
    default_estimated_output_tokens: Tokens | None = None
    default_estimated_output_tokens_per_model: dict[str, Tokens] | None = None
    end_user_budget_id: MaybeName = None
    disable_global_guardrails: bool | None = None
    enable_prompt_caching: bool | None = None
    throttle_on_budget_exceeded: bool | None = None
    enforced_params: list[str] | None = None
    allowed_passthrough_routes: list[Any] | None = None
    denied_passthrough_routes: list[str] | None = None
    allowed_vector_store_indexes: list[dict[str, Any]] | None = None
    rpm_limit_type: LimitType | None = None
    tpm_limit_type: LimitType | None = None
    router_settings: dict[str, Any] | None = None
    key_type: KeyType | None = None
    auto_rotate: bool | None = None
    rotation_interval: Duration | None = None


class GenerateKey(KeyBody):
    """A new key; `key` is a secret of the operator's own choice."""

    key: Secret | None = None
    send_invite_email: bool | None = None


class UpdateKey(KeyBody):
    """What to change of a key: the fields that are there."""

    key: KeyName


class BulkUpdate(Body):
    """Several keys to change, each by itself."""

    keys: Annotated[list[UpdateKey], Field(min_length=1, max_length=500)]


class RegenerateKey(KeyBody):
    """A new secret, and what else is to change; the old one stays good for `grace_period`."""

    key: KeyName | None = None
    new_key: Secret | None = None
    new_master_key: Text | None = None
    grace_period: Duration | None = None


class OneKey(Body):
    """One key, by its secret or digest."""

    key: KeyName


class InfoQuery(Body):
    """One key, by its secret or digest; nothing: the caller's own."""

    key: KeyName | None = None


class SeveralKeys(Body):
    """Several keys, by their secrets or digests."""

    keys: Annotated[list[KeyName], Field(max_length=500)] | None = None


class DeleteKeys(Body):
    """Several keys, by their secrets or digests, or by their aliases."""

    keys: Annotated[list[KeyName], Field(max_length=500)] | None = None
    key_aliases: Annotated[list[KeyName], Field(max_length=500)] | None = None


class ResetSpend(Body):
    """What the key shall have spent from now on, in US dollars."""

    reset_to: Usd


class Nothing(Body):
    """A body in which nothing is looked for."""


class ListKeys(Body):
    """Which keys to list, and which page of them."""

    page: Page = 1
    size: PageSize = 10
    user_id: Name | None = None
    team_id: Name | None = None
    organization_id: Name | None = None
    key_hash: KeyName | None = None
    key_alias: Name | None = None
    search: Name | None = None
    return_full_object: bool = False
    include_team_keys: bool = False
    include_created_by_keys: bool = False
    sort_by: (
        Literal[
            "created_at",
            "updated_at",
            "key_alias",
            "key_name",
            "expires",
            "user_id",
            "team_id",
            "spend",
            "max_budget",
            "token",
        ]
        | None
    ) = None
    sort_order: Literal["asc", "desc"] = "desc"
    expand: Name | None = None
    status: Literal["active", "expired", "revoked", "deleted"] | None = None
    project_id: Name | None = None
    access_group_id: Name | None = None
    agent_id: Name | None = None
    substring_matching: bool = False
    expires: Moment | None = None


class ListAliases(Body):
    """Which aliases to list, and which page of them."""

    page: Page = 1
    size: PageSize = 50
    search: Name | None = None
    team_id: Name | None = None
