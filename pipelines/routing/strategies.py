"""The routing strategies by LiteLLM's names.

The rule: a strategy sees the deployments that are left and what is known of them, and names one;
it removes none and waits for nothing. Among equals it is chance that decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from pipelines.deployment import Deployment
from pipelines.exchange import Exchange
from pipelines.routing.shuffle import Shuffle
from pipelines.routing.traffic import Seen, Traffic


class Strategy(Protocol):
    """Chooses among deployments that could all serve."""

    def choose(
        self, candidates: Sequence[Deployment], exchange: Exchange, now: float
    ) -> Deployment:
        """One of the candidates, all of one order; there is at least one. `now` is in seconds since
        1970."""


class BadArguments(ValueError):
    """`routing_strategy_args` that a strategy cannot use; the message says which."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a strategy is made from; `args` are the operator's `routing_strategy_args`."""

    traffic: Traffic
    random: Random
    args: Mapping[str, Any] = field(default_factory=dict)


StrategyFactory = Callable[[Means], Strategy]


class SimpleShuffle:
    """Weighted random choice: by weight, else by rpm, tpm, parallel calls, else evenly."""

    def __init__(self, means: Means) -> None:
        self._shuffle = Shuffle(means.random)

    def choose(
        self, candidates: Sequence[Deployment], exchange: Exchange, now: float
    ) -> Deployment:
        """One of the candidates."""
        return self._shuffle.choose(candidates)


class LeastBusy:
    """The one with the fewest calls in flight; where all say how many they take at a time, the one
    with the smallest share of them."""

    def __init__(self, means: Means) -> None:
        self._traffic = means.traffic
        self._random = means.random

    def choose(
        self, candidates: Sequence[Deployment], exchange: Exchange, now: float
    ) -> Deployment:
        """One of the candidates."""
        if len(candidates) == 1:
            return candidates[0]
        rooms = [one.parallel or 0 for one in candidates]
        rooms = rooms if all(rooms) else [1] * len(rooms)
        seen = self._traffic.seen
        loads = [
            seen(one.id, now).in_flight / room for one, room in zip(candidates, rooms, strict=True)
        ]
        return _least(candidates, loads, self._random)


class UsageBased:
    """The one of whose tokens and requests a minute the smallest share is used; without limits, the
    one with the fewest tokens. Calls in flight count with what a call costs on average."""

    def __init__(self, means: Means) -> None:
        self._traffic = means.traffic
        self._random = means.random

    def choose(
        self, candidates: Sequence[Deployment], exchange: Exchange, now: float
    ) -> Deployment:
        """One of the candidates."""
        if len(candidates) == 1:
            return candidates[0]
        figures = [self._traffic.seen(one.id, now) for one in candidates]
        if all(one.tpm or one.rpm for one in candidates):
            pairs = zip(candidates, figures, strict=True)
            used = [_share(one, seen) for one, seen in pairs]
        else:
            free = [not _is_full(one, seen) for one, seen in zip(candidates, figures, strict=True)]
            if any(free) and not all(free):
                candidates = [one for one, is_free in zip(candidates, free, strict=True) if is_free]
                figures = [one for one, is_free in zip(figures, free, strict=True) if is_free]
            used = [_tokens(seen) for seen in figures]
        least = min(used)
        ties = [index for index, one in enumerate(used) if one == least]
        return _least(
            [candidates[index] for index in ties],
            [figures[index].requests for index in ties],
            self._random,
        )


class LatencyBased:
    """The one that is the fastest of late: to its first byte for streams, a token otherwise.

    Takes `ttl` (seconds that a sample counts), `max_latency_list_size` (samples that count) and
    `lowest_latency_buffer` (how much slower, as a share, one may be to be taken too). One of which
    nothing is known yet is tried first, by one call at a time.
    """

    def __init__(self, means: Means) -> None:
        self._traffic = means.traffic
        self._random = means.random
        self._ttl = _number(means.args, "ttl", 3600.0)
        self._buffer = _number(means.args, "lowest_latency_buffer", 0.0)
        self._most = int(_number(means.args, "max_latency_list_size", 10.0)) or 1

    def choose(
        self, candidates: Sequence[Deployment], exchange: Exchange, now: float
    ) -> Deployment:
        """One of the candidates."""
        if len(candidates) == 1:
            return candidates[0]
        traffic, since, streaming = self._traffic, now - self._ttl, exchange.call.streaming
        figures = [traffic.seen(one.id, now) for one in candidates]
        free = [
            (one, seen)
            for one, seen in zip(candidates, figures, strict=True)
            if not _is_full(one, seen)
        ] or list(zip(candidates, figures, strict=True))
        new: list[Deployment] = []
        loads: list[int] = []
        known: list[tuple[Deployment, float]] = []
        for one, seen in free:
            latency = traffic.latency(one.id, streaming, since, self._most)
            if latency is not None:
                known.append((one, latency))
            else:
                new.append(one)
                loads.append(seen.in_flight)
        if new and (not known or not min(loads)):
            return _least(new, loads, self._random)
        limit = min(latency for _, latency in known) * (1 + self._buffer)
        return self._random.choice([one for one, latency in known if latency <= limit])


class CostBased:
    """The cheapest for a token in and a token out, of those that have not used up their rates; one
    of unknown price comes last."""

    def __init__(self, means: Means) -> None:
        self._traffic = means.traffic
        self._random = means.random

    def choose(
        self, candidates: Sequence[Deployment], exchange: Exchange, now: float
    ) -> Deployment:
        """One of the candidates."""
        if len(candidates) == 1:
            return candidates[0]
        free = [one for one in candidates if not _is_full(one, self._traffic.seen(one.id, now))]
        left = free or candidates
        return _least(left, [_price(one, now) for one in left], self._random)


def _least(
    candidates: Sequence[Deployment], figures: Sequence[float], random: Random
) -> Deployment:
    least = min(figures)
    best = [one for one, figure in zip(candidates, figures, strict=True) if figure == least]
    return best[0] if len(best) == 1 else random.choice(best)


def _price(deployment: Deployment, now: float) -> float:
    tariff = deployment.tariff
    if tariff is None:
        return float("inf")
    prices = tariff.at(now)
    return prices.prompt + prices.completion


def _tokens(seen: Seen) -> float:
    # What is in flight tells its tokens at its end only.
    ended = seen.requests - seen.in_flight
    return seen.tokens * (1 + seen.in_flight / ended) if ended > 0 else seen.tokens


def _share(deployment: Deployment, seen: Seen) -> float:
    shares = [0.0]
    if deployment.tpm:
        shares.append(_tokens(seen) / deployment.tpm)
    if deployment.rpm:
        shares.append(seen.requests / deployment.rpm)
    return max(shares)


def _is_full(deployment: Deployment, seen: Seen) -> bool:
    tpm, rpm = deployment.tpm, deployment.rpm
    return bool((tpm and seen.tokens >= tpm) or (rpm and seen.requests >= rpm))


def _number(args: Mapping[str, Any], name: str, default: float) -> float:
    value = args.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise BadArguments(f"{name}: expected a number that is not negative")
    return float(value)


BUILT_IN_STRATEGIES: tuple[tuple[str, StrategyFactory], ...] = (
    ("simple-shuffle", SimpleShuffle),
    ("least-busy", LeastBusy),
    ("usage-based-routing", UsageBased),
    ("usage-based-routing-v2", UsageBased),
    ("latency-based-routing", LatencyBased),
    ("cost-based-routing", CostBased),
)
