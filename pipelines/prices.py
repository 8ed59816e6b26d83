"""Prices that depend on when a call is made and on how fast it is served.

The rule: which prices hold is decided once for a call, by the moment when it came; what a service
tier does not change costs what it costs without one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from pipelines.money import Prices

DAY = 86_400
KINDS = frozenset(name for name in Prices.__dataclass_fields__ if name != "tiers")

# What one kind costs: a price, or the price below the first threshold and then each threshold
# with the price above it.
Rate = int | Sequence[int]
Rates = Mapping[str, Rate]


class Tariff(Protocol):
    """Knows what a model costs at any moment."""

    def at(self, moment: float, service: str = "") -> Prices:
        """The prices at a moment (seconds since 1970) for a service tier such as "flex"."""


class Book(Protocol):
    """Knows of models what the operator has not said: tariffs and context windows."""

    def find(self, provider: str, model: str) -> Tariff | None:
        """The tariff of a provider's model, None where it is unknown."""

    def window(self, provider: str, model: str) -> int | None:
        """The context window of a provider's model in tokens, None where it is unknown."""
        return None


@dataclass(frozen=True, slots=True)
class When:
    """A condition: from a moment on (`since`, seconds since 1970), or every day from `start` to
    `end` (seconds of the day, UTC), midnight included where the end is the earlier one."""

    since: float | None = None
    start: int = 0
    end: int = DAY

    def holds(self, moment: float) -> bool:
        """Whether it holds at this moment."""
        if self.since is not None:
            return moment >= self.since
        now = moment % DAY
        if self.end < self.start:
            return now >= self.start or now < self.end
        return self.start <= now < self.end


ALWAYS = When(since=float("-inf"))


@dataclass(frozen=True, slots=True)
class Schedule:
    """A tariff in the form of genai-prices: of the `standard` rates the last that hold, over which
    go those of the service tier in `services`, the first that hold of each kind."""

    standard: tuple[tuple[When, Rates], ...]
    services: tuple[tuple[str, When, Rates], ...] = ()
    _made: dict[tuple[int, ...], Prices] = field(default_factory=dict, compare=False, repr=False)

    def at(self, moment: float, service: str = "") -> Prices:
        """The prices at a moment for a service tier."""
        chosen = [self._standard(moment)]
        if service:
            chosen += [
                index
                for index, (name, when, _) in enumerate(self.services)
                if name == service and when.holds(moment)
            ]
        key = tuple(chosen)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._prices(key)
        return made

    def _standard(self, moment: float) -> int:
        for index in range(len(self.standard) - 1, 0, -1):
            if self.standard[index][0].holds(moment):
                return index
        return 0

    def _prices(self, chosen: tuple[int, ...]) -> Prices:
        rates = dict(self.standard[chosen[0]][1])
        for index in reversed(chosen[1:]):
            rates.update(self.services[index][2])
        return prices_of(rates)


def prices_of(rates: Rates) -> Prices:
    """The prices that these rates come to, with a tier for every threshold among them."""
    starts = sorted(
        {start for rate in rates.values() if not isinstance(rate, int) for start in rate[1::2]}
    )
    tiers = tuple((start, Prices(**_level(rates, start))) for start in starts)
    return replace(Prices(**_level(rates, -1)), tiers=tiers)


def _level(rates: Rates, start: int) -> dict[str, Any]:
    found: dict[str, Any] = {"prompt": 0, "completion": 0}
    for name, rate in rates.items():
        if isinstance(rate, int):
            found[name] = rate
            continue
        found[name] = rate[0]
        for above, price in zip(rate[1::2], rate[2::2], strict=True):
            if above <= start:
                found[name] = price
    return found
