"""The registry finds what a configuration names, and reads a plugin only if it is named."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint

import pytest

from pipelines import registry
from pipelines.errors import ChainOrder
from pipelines.operations import OPERATIONS
from pipelines.ports import Ports
from pipelines.registry import (
    BUILT_IN_STAGES,
    DEFAULT_STAGES,
    DIALECTS,
    STAGE_GROUP,
    STRATEGY_GROUP,
    stage_factory,
    strategy_factory,
)
from pipelines.routing.strategies import LeastBusy
from pipelines.stages.budget import Budget
from tests.fakes.ports import fake_ports


def offered(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str]) -> list[str]:
    """Installs entry points; what is returned lists the groups that were asked for."""
    asked: list[str] = []

    def entry_points(group: str) -> list[EntryPoint]:
        asked.append(group)
        return [EntryPoint(name, value, group) for name, value in points]

    monkeypatch.setattr(registry, "entry_points", entry_points)
    return asked


def example_stage(settings: Mapping[str, object], ports: Ports) -> Budget:
    """What the entry points of these tests lead to."""
    return Budget(ports.ledger, ports.budgets, ports.clock, ports.prompt_bound)


def test_the_default_order_is_the_one_of_the_house() -> None:
    assert DEFAULT_STAGES == (
        "auth", "conversation", "budget", "cache", "route", "translate", "stream", "log"
    )  # fmt: skip


@pytest.mark.parametrize("name", DEFAULT_STAGES)
def test_a_built_in_stage_is_found_without_a_look_at_the_plugins(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = offered(monkeypatch, (name, "evil:Stage"))
    assert stage_factory(name) is dict(BUILT_IN_STAGES)[name]
    assert asked == []


def test_a_plugin_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = offered(
        monkeypatch, ("other", "nobody:Nothing"), ("example", f"{__name__}:example_stage")
    )
    assert stage_factory("example") is example_stage
    assert asked == [STAGE_GROUP]


def test_a_name_that_nobody_offers_is_refused_with_what_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offered(monkeypatch, ("example", f"{__name__}:example_stage"))
    with pytest.raises(ChainOrder) as raised:
        stage_factory("exmaple")
    message = str(raised.value)
    assert "'exmaple' is unknown" in message
    assert "auth, conversation, budget, cache" in message
    assert "'pipelines.stages'" in message


@pytest.mark.parametrize("value", ["no_such_module:Stage", f"{__name__}:no_such_name"])
def test_a_plugin_that_cannot_be_loaded_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered(monkeypatch, ("example", value))
    with pytest.raises(ChainOrder, match=r"'example' \(.*\) cannot be loaded"):
        stage_factory("example")


def test_nothing_is_installed_under_the_group_by_default() -> None:
    with pytest.raises(ChainOrder):
        stage_factory("no-such-stage")


@pytest.mark.parametrize("settings", [{}, {"key_header": "X-Acme-Key"}])
def test_every_factory_makes_a_stage_of_its_name(settings: Mapping[str, object]) -> None:
    for name, make in BUILT_IN_STAGES:
        assert make(settings, fake_ports()).name == name


def test_every_operation_has_its_dialect() -> None:
    assert {operation.dialect for operation in OPERATIONS} <= DIALECTS.keys()
    assert all(dialect.name == name for name, dialect in DIALECTS.items())


def test_the_dialects_cannot_be_changed_from_outside() -> None:
    with pytest.raises(TypeError):
        DIALECTS["evil"] = DIALECTS["openai-chat"]  # type: ignore[index]


def test_strategies_are_found_by_name_and_a_plugin_is_read_only_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = "pipelines.routing.strategies:LeastBusy"
    asked = offered(monkeypatch, ("acme", place), ("broken", "pipelines.routing.nowhere:X"))
    assert strategy_factory("least-busy") is LeastBusy
    assert asked == []
    assert strategy_factory("acme") is LeastBusy
    assert asked == [STRATEGY_GROUP]
    with pytest.raises(ChainOrder, match="strategy 'broken'"):
        strategy_factory("broken")
    with pytest.raises(ChainOrder, match="routing strategy 'other' is unknown"):
        strategy_factory("other")
