"""Dollars at the border, nano-dollars within.

The rule: what a client wrote is read to its last written digit, and no sum is ever done in floats.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

NANO = 9
_IN_A_DOLLAR = 1_000_000_000
MOST_USD = 1_000_000_000


def nano(usd: float | Decimal) -> int:
    """US dollars as nano-dollars, rounded to the nearest."""
    exact = usd if isinstance(usd, Decimal) else Decimal(repr(usd))
    return int(exact.scaleb(NANO).to_integral_value(ROUND_HALF_EVEN))


def maybe_nano(usd: float | None) -> int | None:
    """As `nano`, where there may be no sum."""
    return None if usd is None else nano(usd)


def usd(nano_dollars: int) -> float:
    """Nano-dollars as the float next to their sum in US dollars."""
    # Of two whole numbers Python gives the float that is next to their exact quotient.
    return nano_dollars / _IN_A_DOLLAR


def maybe_usd(nano_dollars: int | None) -> float | None:
    """As `usd`, where there may be no sum."""
    return None if nano_dollars is None else usd(nano_dollars)
