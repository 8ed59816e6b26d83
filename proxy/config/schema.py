"""The active keys of each section.

The rule: a key with a field here does what it says; a known key without one stands in `known.py` or
`known_models.py`. A key that is left empty counts as not given.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

from proxy.config.fields import (
    Count,
    Flag,
    Headers,
    LogLevel,
    Map,
    Names,
    OptionalText,
    Positive,
    Price,
    Reader,
    Seconds,
    Share,
    Text,
    Verify,
    Wait,
    Word,
    expected,
)
from proxy.config.known import GENERAL_LATER, LITELLM_LATER, ROUTER_LATER, TOP_LATER
from proxy.config.known_models import (
    INFO_LATER,
    PARAMS_LATER,
    PRICES_LATER,
    REQUEST_FIELDS,
)
from proxy.config.pricing import PRICE_KEYS
from proxy.config.schema_callbacks import AlertKeys, CallbackKeys, HookKeys
from proxy.config.schema_prometheus import PrometheusKeys
from proxy.config.words import (
    JournalFull,
    LogFormat,
    MidStream,
    OverBudget,
    Scope,
    UnknownPrice,
)


class Section(BaseModel):
    """A part of the file; keys that are no fields are kept aside in `model_extra`."""

    model_config = ConfigDict(
        extra="allow",
        frozen=True,
        hide_input_in_errors=True,
        protected_namespaces=(),
        validate_by_name=True,
        validate_by_alias=True,
    )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    __str__ = __repr__


class Priced(Section):
    """What a token costs, in dollars; the prices of `pricing.PRICE_KEYS` are kept aside."""

    input_cost_per_token: Price | None = None
    output_cost_per_token: Price | None = None
    cache_read_input_token_cost: Price | None = None
    cache_creation_input_token_cost: Price | None = None
    output_cost_per_reasoning_token: Price | None = None


class LitellmParams(Priced):
    """`model_list[].litellm_params`: where a model is served and how it is called."""

    model: Text
    custom_llm_provider: OptionalText = None
    api_key: OptionalText = None
    api_base: OptionalText = None
    base_url: OptionalText = None
    api_version: OptionalText = None
    aws_access_key_id: OptionalText = None
    aws_secret_access_key: OptionalText = None
    aws_session_token: OptionalText = None
    aws_region_name: OptionalText = None
    aws_profile_name: OptionalText = None
    aws_role_name: OptionalText = None
    aws_session_name: OptionalText = None
    aws_external_id: OptionalText = None
    aws_web_identity_token: OptionalText = None
    aws_sts_endpoint: OptionalText = None
    aws_bedrock_runtime_endpoint: OptionalText = None
    tenant_id: OptionalText = None
    client_id: OptionalText = None
    client_secret: OptionalText = None
    azure_ad_token: OptionalText = None
    azure_scope: OptionalText = None
    vertex_project: Annotated[
        OptionalText, Field(validation_alias=AliasChoices("vertex_project", "vertex_ai_project"))
    ] = None
    vertex_location: Annotated[
        OptionalText, Field(validation_alias=AliasChoices("vertex_location", "vertex_ai_location"))
    ] = None
    vertex_credentials: Annotated[
        Any,
        Field(validation_alias=AliasChoices("vertex_credentials", "vertex_ai_credentials")),
    ] = None
    organization: OptionalText = None
    extra_headers: Headers | None = None
    headers: Headers | None = None
    extra_body: Map | None = None
    rpm: Count | None = None
    tpm: Count | None = None
    weight: Share | None = None
    order: Count | None = None
    timeout: Annotated[
        Seconds | None, Field(validation_alias=AliasChoices("timeout", "request_timeout"))
    ] = None
    stream_timeout: Seconds | None = None
    max_retries: Count | None = None
    num_retries: Count | None = None
    drop_params: Flag | None = None
    max_parallel_requests: Positive | None = None
    max_budget: Price | None = None
    budget_duration: OptionalText = None
    tags: Names | None = None
    region_name: OptionalText = None
    cooldown_time: Wait | None = None
    silent_model: OptionalText = None
    mirror_share: Share | None = None
    hedge: Flag | None = None
    mid_stream_fallback: MidStream | None = None


class ModelInfo(Priced):
    """`model_list[].model_info`: facts about a model; other keys are the operator's own."""

    id: Word | None = None
    base_model: OptionalText = None
    mode: OptionalText = None
    max_input_tokens: Count | None = None
    max_output_tokens: Count | None = None
    cooldown_time: Wait | None = None
    allowed_fails: Count | None = None
    disable_background_health_check: Flag | None = None
    health_check_model: OptionalText = None
    health_check_timeout: Seconds | None = None
    supports_vision: Flag | None = None
    supports_function_calling: Flag | None = None
    supports_response_schema: Flag | None = None
    supports_audio_input: Flag | None = None
    supports_audio_output: Flag | None = None
    supports_video_input: Flag | None = None
    supports_pdf_input: Flag | None = None
    supports_web_search: Flag | None = None
    supports_assistant_prefill: Flag | None = None
    blocked: Flag | None = None
    access_groups: Names | None = None


class Entry(Section):
    """`model_list[]`: one way to serve a public name."""

    model_name: Text
    litellm_params: Map
    model_info: Map | None = None
    blocked: Flag | None = None
    rpm: Count | None = None
    tpm: Count | None = None


class RouterSettings(Section):
    """`router_settings`: how hard to try, and where else."""

    routing_strategy: Word | None = None
    routing_strategy_args: Map | None = None
    enable_pre_call_checks: Flag | None = None
    enable_tag_filtering: Flag | None = None
    tag_filtering_match_any: Flag | None = None
    tag_routing_prefix: OptionalText = None
    default_max_parallel_requests: Positive | None = None
    deployment_affinity_ttl_seconds: Positive | None = None
    enable_mid_stream_fallback_continuation: Flag | None = None
    num_retries: Count | None = None
    retry_after: Wait | None = None
    timeout: Seconds | None = None
    stream_timeout: Seconds | None = None
    fallbacks: Any = None
    default_fallbacks: Any = None
    max_fallbacks: Count | None = None
    context_window_fallbacks: Any = None
    content_policy_fallbacks: Any = None
    retry_policy: Map | None = None
    model_group_retry_policy: Map | None = None
    allowed_fails: Count | None = None
    allowed_fails_policy: Map | None = None
    cooldown_time: Seconds | None = None
    disable_cooldowns: Flag | None = None
    model_group_alias: Map | None = None
    provider_budget_config: Map | None = None
    optional_pre_call_checks: Any = None
    background_health_check_model_groups: Names | None = None
    enable_health_check_routing: Flag | None = None
    health_check_staleness_threshold: Positive | None = None
    health_check_ignore_transient_errors: Flag | None = None
    redis_url: OptionalText = None
    redis_host: OptionalText = None
    redis_port: Positive | None = None
    redis_db: Count | None = None
    redis_username: OptionalText = None
    redis_password: OptionalText = None
    redis_ssl: Flag | None = None
    cache_responses: Flag | None = None
    cache_kwargs: Map | None = None
    set_verbose: Flag | None = None


class LitellmSettings(CallbackKeys, PrometheusKeys, Section):
    """`litellm_settings`: the older place of many settings."""

    num_retries: Count | None = None
    request_timeout: Seconds | None = None
    fallbacks: Any = None
    default_fallbacks: Any = None
    max_fallbacks: Count | None = None
    context_window_fallbacks: Any = None
    content_policy_fallbacks: Any = None
    allowed_fails: Count | None = None
    cooldown_time: Seconds | None = None
    json_logs: Flag | None = None
    set_verbose: Flag | None = None
    ssl_verify: Verify | None = None
    drop_params: Flag | None = None
    max_internal_user_budget: Price | None = None
    internal_user_budget_duration: OptionalText = None
    default_internal_user_params: Map | None = None
    max_end_user_budget: Price | None = None
    max_end_user_budget_id: OptionalText = None
    disable_end_user_cost_tracking: Flag | None = None
    max_budget: Price | None = None
    budget_duration: OptionalText = None
    budget_exceeded_status_code: Positive | None = None
    block_requests_for_models_without_pricing: Flag | None = None
    cache: Flag | None = None
    cache_params: Map | None = None
    default_key_generate_params: Map | None = None
    upperbound_key_generate_params: Map | None = None


class GeneralSettings(AlertKeys, Section):
    """`general_settings`: who may call the gateway."""

    master_key: OptionalText = None
    litellm_key_header_name: OptionalText = None
    max_request_size_mb: Positive | None = None
    dangerously_permit_weak_or_unset_master_key: Flag | None = None
    user_header_name: OptionalText = None
    user_header_mappings: Any = None
    openwebui_jwt_secret: OptionalText = None
    use_x_forwarded_for: Flag | None = None
    trusted_proxy_ranges: Names | None = None
    allowed_ips: Names | None = None
    apply_user_budget_to_team_keys: Flag | None = None
    user_api_key_cache_max_size: Positive | None = None
    enable_jwt_auth: Flag | None = None
    litellm_jwtauth: Map | None = None
    database_url: OptionalText = None
    max_budget: Price | None = None
    budget_duration: OptionalText = None
    global_max_parallel_requests: Positive | None = None
    enforce_fallback_model_access: Flag | None = None
    background_health_checks: Flag | None = None
    background_health_check_model_groups: Names | None = None
    health_check_interval: Positive | None = None
    health_check_concurrency: Positive | None = None
    health_check_details: Flag | None = None
    enable_health_check_routing: Flag | None = None
    enforce_user_param: Flag | None = None


class HeadgateSettings(HookKeys, Section):
    """`headgate_settings`: what LiteLLM's file has no key for."""

    stages: list[Any] | None = None
    max_body_bytes: Positive | None = None
    drain_timeout: Wait | None = None
    connect_timeout: Seconds | None = None
    first_byte_timeout: Seconds | None = None
    idle_timeout: Seconds | None = None
    keep_alive: Seconds | None = None
    ping_interval: Wait | None = None
    log_format: LogFormat | None = None
    log_level: LogLevel | None = None
    discover_models: Flag | None = None
    providers_from_environment: Flag | None = None
    auth_grace: Wait | None = None
    openwebui_jwt_secret: OptionalText = None
    task_header: OptionalText = None
    task_model: OptionalText = None
    groups_header: OptionalText = None
    role_teams: Map | None = None
    group_teams: Map | None = None
    data_dir: OptionalText = None
    shared_data: Flag | None = None
    on_journal_full: JournalFull | None = None
    spool_max_mb: Positive | None = None
    redis_url: OptionalText = None
    over_budget: OverBudget | None = None
    on_unknown_price: UnknownPrice | None = None
    on_store_failure: Map | None = None
    queue_on_limit: Wait | None = None
    enforce_deployment_limits: Flag | None = None
    prices_url: OptionalText = None
    hedge: Flag | None = None
    hedge_after: Seconds | None = None
    hedge_whole_replies: Flag | None = None
    cache_scope: Scope | None = None
    cache_pacing: Flag | None = None
    cache_memory_mb: Positive | None = None
    cache_max_reply_mb: Positive | None = None
    join_calls: Flag | None = None
    idempotency_ttl: Seconds | None = None
    resumable_streams: Flag | None = None
    resume_ttl: Seconds | None = None
    resume_grace: Wait | None = None
    rotation_webhook: Map | None = None
    metrics_dir: OptionalText = None
    metrics_token: OptionalText = None

    @field_validator("stages", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if isinstance(value, list) and value:
            return value
        raise expected("a list of stages")


class Top(Section):
    """The sections of a file."""

    model_list: list[Any] | None = None
    router_settings: Map | None = None
    litellm_settings: Map | None = None
    general_settings: Map | None = None
    headgate_settings: Map | None = None
    callback_settings: Map | None = None
    environment_variables: Map | None = None
    include: Names | None = None


SECTIONS: Mapping[str, type[Section]] = MappingProxyType(
    {
        "router_settings": RouterSettings,
        "litellm_settings": LitellmSettings,
        "general_settings": GeneralSettings,
        "headgate_settings": HeadgateSettings,
        "model_list[].litellm_params": LitellmParams,
        "model_list[].model_info": ModelInfo,
    }
)
LATER: Mapping[type[Section], Mapping[str, Reader]] = MappingProxyType(
    {
        Top: TOP_LATER,
        RouterSettings: ROUTER_LATER,
        LitellmSettings: LITELLM_LATER,
        GeneralSettings: GENERAL_LATER,
        LitellmParams: MappingProxyType({**PARAMS_LATER, **PRICES_LATER}),
        ModelInfo: MappingProxyType({**INFO_LATER, **PRICES_LATER}),
    }
)


def open_fields(section: type[Section]) -> Mapping[str, Reader]:
    """The keys that do something and are kept aside, each with its reader."""
    if section is LitellmParams:
        return MappingProxyType({**REQUEST_FIELDS, **PRICE_KEYS})
    return PRICE_KEYS if issubclass(section, Priced) else MappingProxyType({})


def active(section: type[Section]) -> frozenset[str]:
    """The keys that do something, other spellings included."""
    names = set(section.model_fields)
    for field in section.model_fields.values():
        if isinstance(field.validation_alias, AliasChoices):
            names.update(str(choice) for choice in field.validation_alias.choices)
    return frozenset(names)


def known(section: type[Section]) -> frozenset[str]:
    """All keys that have a meaning in this section."""
    return active(section) | LATER.get(section, {}).keys() | open_fields(section).keys()
