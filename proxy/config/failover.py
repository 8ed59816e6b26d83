"""Reads how failures are answered: retries of each kind, and the rests of deployments.

The rule: `router_settings` wins over `litellm_settings`; a kind of failure that LiteLLM does not
know is a warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from pydantic_core import PydanticCustomError

from pipelines.errors import Family
from pipelines.routing.policy import OTHERS, Cooldowns, RetryCounts, RoutePolicy
from proxy.config.fields import read_count
from proxy.config.masking import plain, show
from proxy.config.parts import Parts
from proxy.config.problems import Problems, Trail

RETRIES = "Retries"
ALLOWED_FAILS = "AllowedFails"
# https://docs.litellm.ai/docs/routing#advanced-custom-retries-cooldowns-based-on-error-type
FAMILIES: Mapping[str, Family | str] = MappingProxyType(
    {
        "BadRequestError": "bad_request",
        "AuthenticationError": "authentication",
        "TimeoutError": "timeout",
        "RateLimitError": "rate_limit",
        "ContentPolicyViolationError": "content_policy",
        "InternalServerError": "internal_server",
        "ServiceUnavailableError": "service_unavailable",
        "BadGatewayError": "bad_gateway",
        "NotFoundError": "not_found",
        "Default": OTHERS,
    }
)


def with_retries(policy: RoutePolicy, parts: Parts, problems: Problems) -> RoutePolicy:
    """The policy with the retries of each kind of failure."""
    router = parts.router
    trail: Trail = ("router_settings", "retry_policy")
    by_group: dict[str, RetryCounts] = {}
    for group, counts in (router.model_group_retry_policy or {}).items():
        here: Trail = ("router_settings", "model_group_retry_policy", group)
        by_group[group] = _counts(counts, here, RETRIES, problems)
    return replace(
        policy,
        retries=_counts(router.retry_policy, trail, RETRIES, problems),
        group_retries=by_group,
        checks_fallbacks=parts.general.enforce_fallback_model_access is True,
    )


def cooldowns(parts: Parts, problems: Problems) -> Cooldowns:
    """When deployments rest, and how long."""
    router, litellm = parts.router, parts.litellm
    trail: Trail = ("router_settings", "allowed_fails_policy")
    seconds, allowed = router.cooldown_time, router.allowed_fails
    return Cooldowns(
        disabled=router.disable_cooldowns is True,
        seconds=litellm.cooldown_time if seconds is None else seconds,
        allowed_fails=litellm.allowed_fails if allowed is None else allowed,
        allowed_by_family=_counts(router.allowed_fails_policy, trail, ALLOWED_FAILS, problems),
    )


def _counts(value: object, trail: Trail, suffix: str, problems: Problems) -> RetryCounts:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        problems.error(trail, f"expected a map, got {show(value)}")
        return {}
    found: dict[Family | str, int] = {}
    for name, count in value.items():
        family = FAMILIES.get(str(name).removesuffix(suffix))
        if family is None or not str(name).endswith(suffix):
            problems.warning(trail, f'not used: no kind of failure is named "{plain(str(name))}"')
            continue
        if count is None:
            continue
        try:
            found[family] = read_count(count)
        except PydanticCustomError as error:
            what = (error.context or {}).get("what")
            problems.error((*trail, name), f"expected {what}, got {show(count)}")
    return found
