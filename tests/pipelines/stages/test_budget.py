"""Budget is a room where nothing happens yet."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.errors import UpstreamFailed
from pipelines.events import Data, End
from pipelines.stages.budget import Budget
from pipelines.usage import NO_USAGE
from tests.builders import a_head, an_exchange, flow_of, left_after, taken


def test_budget_passes_the_very_same_events() -> None:
    events = (a_head(), Data(b"a"), End(NO_USAGE))
    got = asyncio.run(taken(Budget()(an_exchange(), flow_of(*events))))
    assert [id(event) for event in got] == [id(event) for event in events]


def test_budget_lets_an_error_through() -> None:
    error = UpstreamFailed("no")
    with pytest.raises(UpstreamFailed) as raised:
        asyncio.run(taken(Budget()(an_exchange(), flow_of(error))))
    assert raised.value is error


def test_budget_yields_nothing_more_once_it_is_closed_midway() -> None:
    rest = flow_of(a_head(), Data(b"a"), Data(b"b"))
    got = asyncio.run(left_after(Budget()(an_exchange(), rest), 2))
    assert got == [a_head(), Data(b"a")]
    assert rest.opened == 1
