"""The example of a semantic cache answers what means the same, and nothing else."""

from __future__ import annotations

import configparser
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipelines import (
    Data,
    End,
    Exchange,
    Principal,
    Stage,
    UpstreamFailed,
    Usage,
    registry,
)
from pipelines.events import Event
from pipelines.registry import STAGE_GROUP
from pipelines.routing.routes import Routes
from tests.builders import (
    a_body,
    a_call,
    a_completion,
    a_deployment,
    a_head,
    an_exchange,
    flow_of,
    left_after,
    taken,
)
from tests.fakes.ports import JSON, FakeReply, FakeTransport, fake_ports

NAME = "example-semantic-cache"
PACKAGE = Path(__file__).parent / "semantic"
NEAR, FAR = [1.0, 0.05], [0.5, 1.0]


@pytest.fixture(autouse=True)
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the package had been installed."""
    monkeypatch.syspath_prepend(str(PACKAGE))
    setup = configparser.ConfigParser()
    setup.read(PACKAGE / "setup.cfg", "utf-8")
    name, _, value = setup["options.entry_points"][STAGE_GROUP].strip().partition(" = ")
    points = [EntryPoint(name, value, STAGE_GROUP)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)


def a_vector(values: list[float]) -> FakeReply:
    body = {"object": "list", "data": [{"index": 0, "embedding": values}], "model": "vec"}
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return FakeReply([orjson.dumps({**body, "usage": usage})], headers=[JSON])


def a_cache(*vectors: FakeReply | UpstreamFailed, **settings: object) -> Stage:
    routes = Routes([a_deployment("e1", "vec")])
    ports = fake_ports(FakeTransport(*vectors), routes)
    return registry.stage_factory(NAME)({"embedding_model": "vec", **settings}, ports)


def asked(text: str, who: str = "red", system: str = "Be brief.", **more: Any) -> Exchange:
    turns = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    raw = a_body(**{"messages": turns, **more})
    return an_exchange(a_call(raw), Principal(who, who, team_id=who))


def replying(text: str = "hi") -> Any:
    return flow_of(a_head(), Data(a_completion(text)), End(Usage(3, 4)))


async def bodies(stage: Stage, rest: Any, *exchanges: Exchange) -> list[bytes]:
    found: list[bytes] = []
    for one in exchanges:
        events: list[Event] = await taken(stage(one, rest))
        found.append(b"".join(event.raw for event in events if type(event) is Data))
    return found


async def test_the_same_question_in_other_words_is_answered_from_memory() -> None:
    stage, rest = a_cache(a_vector([1.0, 0.0]), a_vector(NEAR)), replying()
    again = asked("What's up?")
    first, second = await bodies(stage, rest, asked("How are you?"), again)
    assert first == second
    assert rest.opened == 1
    assert (again.cache, again.cost) == ("hit", 0)


@pytest.mark.parametrize(
    "other",
    [
        {"who": "blue"},
        {"system": "Be long."},
        {"model": "gpt-2"},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"stream": True},
    ],
)
async def test_what_differs_in_more_than_words_is_asked_for(other: dict[str, Any]) -> None:
    stage, rest = a_cache(a_vector([1.0, 0.0])), replying()
    await bodies(stage, rest, asked("Hello"), asked("Hello", **other))
    assert rest.opened == 2


async def test_what_is_not_near_enough_is_asked_for() -> None:
    for vectors, settings, times in (
        ((a_vector([1.0, 0.0]), a_vector(FAR)), {}, 2),
        ((a_vector([1.0, 0.0]), a_vector(FAR)), {"threshold": 0.4}, 1),
    ):
        rest = replying()
        await bodies(a_cache(*vectors, **settings), rest, asked("a"), asked("b"))
        assert rest.opened == times


async def test_a_model_that_fails_is_no_cache() -> None:
    rest = replying()
    stage = a_cache(UpstreamFailed("no"))
    assert len(set(await bodies(stage, rest, asked("a"), asked("a")))) == 1
    assert rest.opened == 2


async def test_a_reply_that_was_left_or_broke_is_not_kept() -> None:
    stage, rest = a_cache(a_vector([1.0, 0.0])), replying()
    await left_after(stage(asked("a"), rest), 1)
    await bodies(stage, flow_of(a_head(), Data(b"half")), asked("a"))
    await bodies(stage, rest, asked("a"))
    assert rest.opened == 2


async def test_no_more_are_kept_than_it_was_told() -> None:
    stage, rest = a_cache(a_vector([1.0, 0.0]), most=1), replying()
    await bodies(stage, rest, asked("a", "red"), asked("a", "blue"), asked("a", "red"))
    assert rest.opened == 3


async def test_what_is_no_question_in_words_passes_untouched() -> None:
    stage, rest = a_cache(a_vector([1.0, 0.0])), replying()
    answered = [{"role": "assistant", "content": "x"}]
    exchange = an_exchange(a_call(a_body(messages=answered)), Principal("a", "a"))
    flow = stage(exchange, rest)
    assert rest.opened == 1
    await flow.aclose()
