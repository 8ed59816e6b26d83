"""What a call costs, and who says so.

The rule: the operator's own price comes first, then what the provider reports, then the table; a
price that nobody knows is unknown, not zero.
"""

from __future__ import annotations

from typing import Literal

from pipelines.deployment import Deployment
from pipelines.exchange import Exchange
from pipelines.money import Prices, cost
from pipelines.usage import Usage

CostSource = Literal["operator", "provider", "table", "unknown"]

# Those whose replies tell their price in US dollars.
REPORTERS = frozenset({"openrouter", "perplexity", "xai"})


def prices_for(exchange: Exchange, deployment: Deployment) -> Prices | None:
    """What a call costs with this deployment, as far as can be said before it is made."""
    tariff = deployment.tariff
    return None if tariff is None else tariff.at(exchange.started, asked_service(exchange))


def asked_service(exchange: Exchange) -> str:
    """The service tier that the call asks for, "" for the usual one."""
    body = exchange.call.parsed or {}
    tier = body.get("service_tier")
    if isinstance(tier, str) and tier != "auto":
        return tier
    return "fast" if body.get("speed") == "fast" else ""


def account(exchange: Exchange) -> None:
    """Give the exchange the cost of its usage, and the source of it."""
    exchange.cost, exchange.cost_source = priced(exchange, exchange.usage)


def priced(exchange: Exchange, usage: Usage) -> tuple[int | None, CostSource]:
    """What this usage would cost with the exchange's deployment, and who says so."""
    deployment = exchange.deployment
    reported = usage.reported_cost
    if reported is not None and deployment.prices is None and is_reporter(deployment):
        return reported, "provider"
    tariff = deployment.tariff
    if tariff is None:
        return None, "unknown"
    service = usage.service_tier or asked_service(exchange)
    source: CostSource = "table" if deployment.prices is None else "operator"
    return cost(usage, tariff.at(exchange.started, service)), source


def is_reporter(deployment: Deployment) -> bool:
    """Whether the provider's word on its price counts."""
    return deployment.provider.name in REPORTERS
