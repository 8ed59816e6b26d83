"""Decides how deployments are chosen.

The rule: LiteLLM's names and defaults; a strategy that nobody offers is an error, and one that is
LiteLLM's own affair a note.
"""

from __future__ import annotations

from random import Random

from pipelines.errors import ChainOrder
from pipelines.registry import strategy_factory
from pipelines.routing.affinity import DEFAULT_TTL, Stickiness
from pipelines.routing.choosing import USUAL_STRATEGY, Choosing
from pipelines.routing.filters import Checks
from pipelines.routing.strategies import BadArguments, Means
from pipelines.routing.tags import Tagging
from pipelines.routing.traffic import Traffic
from proxy.config.masking import HiddenValues, plain, show
from proxy.config.parts import Parts
from proxy.config.problems import NOT_ACTIVE, Problems, Trail
from proxy.config.schema import RouterSettings
from proxy.config.spending import ENFORCES

STRATEGY: Trail = ("router_settings", "routing_strategy")
ARGUMENTS: Trail = ("router_settings", "routing_strategy_args")
CHECKS: Trail = ("router_settings", "optional_pre_call_checks")
# Known of LiteLLM's; the money of providers is limited whatever the strategy is.
UNUSED = ("provider-budget-routing", "lar1")
SESSION, CALLER, PREFIX = "session_affinity", "deployment_affinity", "prompt_caching"
# Responses and budgets are found without being asked for.
GIVEN = ("router_budget_limiting", "responses_api_deployment_check", ENFORCES)
CHECKS_LATER = ("forward_client_headers_by_model_group", "encrypted_content_affinity")


def choosing(parts: Parts, problems: Problems) -> Choosing:
    """How deployments are chosen, by the settings of the router."""
    router = parts.router
    tagging = None
    if router.enable_tag_filtering:
        any_fits = router.tag_filtering_match_any is not False
        tagging = Tagging(any_fits, router.tag_routing_prefix or "")
    found = Choosing(
        strategy=_strategy(router, problems),
        args=HiddenValues(router.routing_strategy_args or {}),
        checks=Checks(prompts=bool(router.enable_pre_call_checks), tagging=tagging),
        stickiness=_stickiness(router, problems),
    )
    return found if _can_be_made(found, problems) else Choosing()


def _strategy(router: RouterSettings, problems: Problems) -> str:
    name = router.routing_strategy or USUAL_STRATEGY
    if name in UNUSED:
        problems.note(STRATEGY, f"{NOT_ACTIVE}; {USUAL_STRATEGY} is used")
        return USUAL_STRATEGY
    return name


def _can_be_made(found: Choosing, problems: Problems) -> bool:
    try:
        strategy_factory(found.strategy)(Means(Traffic(), Random(), found.args))
    except ChainOrder as error:
        problems.error(STRATEGY, plain(str(error)))
        return False
    except BadArguments as error:
        problems.error(ARGUMENTS, plain(str(error)))
        return False
    return True


def _stickiness(router: RouterSettings, problems: Problems) -> Stickiness:
    listed = router.optional_pre_call_checks
    if listed is not None and not isinstance(listed, list):
        problems.error(CHECKS, f"expected a list of names, got {show(listed)}")
        listed = None
    names = listed or []
    for index, name in enumerate(names):
        if name in CHECKS_LATER:
            problems.note((*CHECKS, index), NOT_ACTIVE)
        elif name not in (SESSION, CALLER, PREFIX, *GIVEN):
            problems.warning((*CHECKS, index), f"no such check is known: {show(name)}")
    ttl = router.deployment_affinity_ttl_seconds
    return Stickiness(
        session=SESSION in names,
        caller=CALLER in names,
        prefix=PREFIX in names,
        ttl=DEFAULT_TTL if ttl is None else float(ttl),
    )
