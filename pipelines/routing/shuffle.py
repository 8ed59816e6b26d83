"""LiteLLM's `simple-shuffle`: who is tried first among equals.

The rule: the lowest `order` only; among those by `weight` where one has it, else by `rpm`, else by
`tpm`, else by how many calls it takes at a time, else evenly. Where it begins is chance; from there
on the calls are spread as the weights say, not only in the long run.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Sequence
from itertools import accumulate
from random import Random

from pipelines.deployment import Deployment

# Steps of this size around a circle come near every place of it equally often, after few of them.
GOLDEN = 0.6180339887498949
MOST_CIRCLES = 1024


class Shuffle:
    """Weighted random choice among deployments."""

    def __init__(self, random: Random) -> None:
        self._random = random
        # One for each set of candidates: who is tried after a failure depends on no first choice.
        self._places: dict[tuple[str, ...], float] = {}

    def choose(self, deployments: Sequence[Deployment]) -> Deployment:
        """One of the deployments of the lowest order; there must be at least one."""
        if len(deployments) == 1:
            return deployments[0]
        lowest = min(deployment.order for deployment in deployments)
        level = [deployment for deployment in deployments if deployment.order == lowest]
        place = self._step(tuple([deployment.id for deployment in level]))
        weights = _weights(level)
        if weights is None:
            return level[int(place * len(level))]
        bounds = list(accumulate(weights))
        return level[bisect(bounds, place * bounds[-1], 0, len(bounds) - 1)]

    def _step(self, ids: tuple[str, ...]) -> float:
        place = self._places.get(ids)
        if place is None:
            if len(self._places) >= MOST_CIRCLES:
                self._places.clear()
            place = self._random.random()
        place = self._places[ids] = (place + GOLDEN) % 1.0
        return place


def _weights(level: Sequence[Deployment]) -> list[float] | None:
    measures: tuple[Callable[[Deployment], float | None], ...] = (
        lambda deployment: deployment.weight,
        lambda deployment: deployment.rpm,
        lambda deployment: deployment.tpm,
        lambda deployment: deployment.parallel,
    )
    for measure in measures:
        weights = [measure(deployment) or 0.0 for deployment in level]
        if any(weight > 0 for weight in weights):
            return weights
    return None
