"""What the operator says of a deployment beyond its address.

The rule: what is not said stays unknown, so that nothing is taken away from a call by a guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipelines.deployment import Deployment
from proxy.config.schema import LitellmParams, ModelInfo

SUPPORTS = "supports_"


@dataclass(frozen=True, slots=True)
class Usual:
    """What holds for deployments that say nothing of it: how many calls they take at a time,
    whether another one may go on where a reply breaks off, and whether a second one is asked beside
    one that is slow to begin."""

    parallel: int | None = None
    continues: bool = False
    hedges: bool = False


def with_facts(
    deployment: Deployment, params: LitellmParams, info: ModelInfo, usual: Usual
) -> Deployment:
    """The deployment with all that is said of it."""
    continues = params.mid_stream_fallback
    return replace(
        deployment,
        tags=frozenset(tag.strip() for tag in params.tags or () if tag.strip()),
        region=_region(params),
        max_input=info.max_input_tokens or None,
        max_output=info.max_output_tokens or None,
        parallel=params.max_parallel_requests or usual.parallel,
        abilities=dict(_abilities(info)),
        mirror=params.silent_model or "",
        mirror_share=1.0 if params.mirror_share is None else min(1.0, params.mirror_share),
        continues=usual.continues if continues is None else continues == "continue",
        hedges=usual.hedges if params.hedge is None else params.hedge,
        cooldown=info.cooldown_time if params.cooldown_time is None else params.cooldown_time,
        allowed_fails=info.allowed_fails,
        unwatched=info.disable_background_health_check is True,
        probe_model=info.health_check_model or "",
        probe_timeout=info.health_check_timeout,
        mode=info.mode or "",
    )


def _region(params: LitellmParams) -> str:
    said = params.region_name or params.aws_region_name or params.vertex_location or ""
    return said.strip().lower()


def _abilities(info: ModelInfo) -> Iterator[tuple[str, bool]]:
    for name in ModelInfo.model_fields:
        value = getattr(info, name) if name.startswith(SUPPORTS) else None
        if value is not None:
            yield name.removeprefix(SUPPORTS), value
