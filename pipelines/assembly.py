"""From a list of names to a chain that runs.

The rule: whatever is wrong with the list is found here, before the first call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.chain import Chain
from pipelines.ports import Ports
from pipelines.registry import StageFactory, stage_factory


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One entry of the list of stages: its name, and settings of its own."""

    name: str
    settings: Mapping[str, object] = field(default_factory=dict)


def assemble(
    specs: Sequence[StageSpec],
    ports: Ports,
    find: Callable[[str], StageFactory] = stage_factory,
) -> Chain:
    """The chain of these stages in this order. Raises ChainOrder where it cannot be run."""
    return Chain([find(spec.name)(spec.settings, ports) for spec in specs])
