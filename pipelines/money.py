"""Money from usage.

The rule: money is an integer of nano-dollars and a price an integer of pico-dollars per token; the
product is rounded up once per call, and an unknown price is unknown, not zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from pipelines.usage import Usage

PICO = 10**12
PICO_PER_NANO = 1000


@dataclass(frozen=True, slots=True)
class Prices:
    """What one model costs, in pico-dollars per token."""

    prompt: int
    completion: int
    cached: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None


def pico(usd: float | str | Decimal) -> int:
    """Dollars per token as pico-dollars per token, exact to the last written digit."""
    return int((Decimal(str(usd)) * PICO).to_integral_value())


def cost(usage: Usage, prices: Prices) -> int:
    """What this usage costs in nano-dollars, rounded up."""
    cached_price = prices.prompt if prices.cached is None else prices.cached
    written_price = prices.prompt if prices.cache_write is None else prices.cache_write
    thought_price = prices.completion if prices.reasoning is None else prices.reasoning
    plain = max(0, usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens)
    spoken = max(0, usage.completion_tokens - usage.reasoning_tokens)
    total = (
        plain * prices.prompt
        + usage.cached_tokens * cached_price
        + usage.cache_write_tokens * written_price
        + spoken * prices.completion
        + usage.reasoning_tokens * thought_price
    )
    return -(-total // PICO_PER_NANO)
