"""How failures are answered is read from LiteLLM's keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.errors import ContentRefused, Denied, Overloaded, Rejected, UpstreamFailed
from pipelines.routing.policy import RoutePolicy
from proxy.config.failover import cooldowns, with_retries
from proxy.config.masking import Vault
from proxy.config.parts import Parts
from proxy.config.problems import Problems
from proxy.config.schema import GeneralSettings, HeadgateSettings, LitellmSettings, RouterSettings


def parts(
    router: Mapping[str, Any] | None = None,
    litellm: Mapping[str, Any] | None = None,
    general: Mapping[str, Any] | None = None,
) -> Parts:
    return Parts(
        RouterSettings(**(router or {})),
        LitellmSettings(**(litellm or {})),
        GeneralSettings(**(general or {})),
        HeadgateSettings(),
    )


def problems() -> Problems:
    return Problems("litellm.yaml", Vault())


def test_retries_are_told_by_the_kind_of_failure() -> None:
    counts = {"RateLimitErrorRetries": 4, "AuthenticationErrorRetries": "1", "DefaultRetries": 0}
    found = with_retries(RoutePolicy(), parts({"retry_policy": counts}), problems())
    assert found.retries_of("gpt", Overloaded("no")) == 4
    assert found.retries_of("gpt", UpstreamFailed("no")) == 0
    assert found.insists("gpt", Denied("no"))
    assert not found.insists("gpt", Rejected("no"))


def test_a_groups_own_retries_win() -> None:
    settings = {
        "retry_policy": {"ContentPolicyViolationErrorRetries": 1},
        "model_group_retry_policy": {"gpt": {"ContentPolicyViolationErrorRetries": 3}},
    }
    found = with_retries(RoutePolicy(), parts(settings), problems())
    assert found.retries_of("gpt", ContentRefused("no")) == 3
    assert found.retries_of("other", ContentRefused("no")) == 1
    assert found.retries_of("other", UpstreamFailed("no")) is None


def test_what_is_no_kind_of_failure_is_told() -> None:
    found = problems()
    with_retries(
        RoutePolicy(),
        parts({"retry_policy": {"Nonsense": 1, "RateLimitErrorRetries": -1}}),
        found,
    )
    assert len(found.found()) == 2
    assert found.failed


def test_fallbacks_are_checked_only_where_the_operator_wants_it() -> None:
    assert not with_retries(RoutePolicy(), parts(), problems()).checks_fallbacks
    general = {"enforce_fallback_model_access": True}
    assert with_retries(RoutePolicy(), parts(general=general), problems()).checks_fallbacks


def test_rests_are_read_from_either_section() -> None:
    policy = {"RateLimitErrorAllowedFails": 9}
    router = {"cooldown_time": 3, "allowed_fails_policy": policy, "disable_cooldowns": True}
    found = cooldowns(parts(router, {"cooldown_time": 8, "allowed_fails": 2}), problems())
    assert (found.disabled, found.seconds, found.allowed_fails) == (True, 3.0, 2)
    assert found.allowed_by_family == {"rate_limit": 9}
