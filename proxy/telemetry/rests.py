"""Tells the log which deployments rest, and which are well again.

The rule: one line a change; it names the model, how long the rest is and why.
"""

from __future__ import annotations

from pipelines.routing.health import Rest
from pipelines.routing.routes import Routes
from proxy.telemetry.logging import get_logger


class RestLog:
    """Hears of rests; `routes` know what a deployment serves."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._logger = get_logger(__name__)

    def __call__(self, id: str, rest: Rest | None) -> None:
        """Write one line."""
        model = next((one.group for one in self._routes.deployments if one.id == id), None)
        if rest is None:
            self._logger.info("a deployment is well again", model=model, deployment=id)
            return
        self._logger.warning(
            "a deployment rests; calls go elsewhere, or wait",
            model=model,
            deployment=id,
            seconds=round(rest.seconds, 1),
            reason=rest.reason,
        )
