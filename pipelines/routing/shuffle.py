"""LiteLLM's `simple-shuffle`: who is tried first among equals.

The rule: the lowest `order` only; among those by `weight` where one has it, else by `rpm`, else by
`tpm`, else evenly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from pipelines.deployment import Deployment


class Shuffle:
    """Weighted random choice among deployments."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def choose(self, deployments: Sequence[Deployment]) -> Deployment:
        """One of the deployments of the lowest order; there must be at least one."""
        if len(deployments) == 1:
            return deployments[0]
        lowest = min(deployment.order for deployment in deployments)
        level = [deployment for deployment in deployments if deployment.order == lowest]
        return self._random.choices(level, _weights(level))[0]


def _weights(level: Sequence[Deployment]) -> list[float] | None:
    measures: tuple[Callable[[Deployment], float | None], ...] = (
        lambda deployment: deployment.weight,
        lambda deployment: deployment.rpm,
        lambda deployment: deployment.tpm,
    )
    for measure in measures:
        weights = [measure(deployment) or 0.0 for deployment in level]
        if any(weight > 0 for weight in weights):
            return weights
    return None
