"""Decides whether deployments are probed, how often, and what comes of it.

The rule: LiteLLM's names and defaults; nothing is probed unless it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.config.parts import Parts

EVERY = 300.0
WITHIN = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSettings:
    """Whether probes run, and so on in seconds: `every`, `within` for each, at most `at_once`
    together (None: the usual). `groups` are those that are probed (empty: all). With `routing`
    calls go round those that are not well, for at most `stale_after`; `ignores_transient` leaves
    out that a provider is busy. `details` shows more than names to callers."""

    on: bool = False
    every: float = EVERY
    within: float = WITHIN
    at_once: int | None = None
    groups: frozenset[str] = frozenset()
    details: bool = True
    routing: bool = False
    stale_after: float = 2 * EVERY
    ignores_transient: bool = False


def probing(parts: Parts) -> ProbeSettings:
    """How deployments are probed."""
    general, router = parts.general, parts.router
    every = float(general.health_check_interval or EVERY)
    stale = router.health_check_staleness_threshold
    names = general.background_health_check_model_groups
    groups = router.background_health_check_model_groups if names is None else names
    return ProbeSettings(
        on=general.background_health_checks is True,
        every=every,
        at_once=general.health_check_concurrency,
        groups=frozenset(groups or ()),
        details=general.health_check_details is not False,
        routing=True in (general.enable_health_check_routing, router.enable_health_check_routing),
        stale_after=float(stale or 2 * every),
        ignores_transient=router.health_check_ignore_transient_errors is True,
    )
