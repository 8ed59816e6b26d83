"""The defaults of the policy are LiteLLM's."""

from __future__ import annotations

from pipelines.routing.policy import RoutePolicy


def test_the_policy_tries_twice_more_and_never_waits_over_a_minute() -> None:
    policy = RoutePolicy()
    assert (policy.num_retries, policy.retry_after, policy.longest_wait) == (2, 0.0, 60.0)


def test_the_policy_bounds_every_wait_for_a_provider() -> None:
    policy = RoutePolicy()
    assert (policy.first_byte, policy.whole, policy.idle) == (300.0, 600.0, 300.0)
