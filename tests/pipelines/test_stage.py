"""The stages that ship say what they need and give, so that a wrong order is found at the start."""

from __future__ import annotations

from pipelines.registry import BUILT_IN_STAGES
from tests.fakes.ports import fake_ports

DECLARED = {
    "auth": (set(), {"principal"}),
    "conversation": ({"principal"}, set()),
    "budget": ({"principal"}, set()),
    "cache": ({"principal"}, set()),
    "route": ({"principal"}, {"deployment"}),
    "translate": ({"deployment"}, {"upstream"}),
    "stream": ({"deployment", "upstream"}, set()),
    "log": (set(), set()),
}


def test_every_built_in_stage_declares_what_it_needs_and_gives() -> None:
    stages = [make({}, fake_ports()) for _, make in BUILT_IN_STAGES]
    assert {stage.name: (set(stage.needs), set(stage.gives)) for stage in stages} == DECLARED


def test_every_built_in_stage_is_listed_under_its_own_name() -> None:
    assert all(make({}, fake_ports()).name == name for name, make in BUILT_IN_STAGES)
