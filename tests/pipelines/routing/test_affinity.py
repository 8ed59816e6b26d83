"""What belongs together is remembered, for a while and within bounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pipelines.exchange import Exchange
from pipelines.routing.affinity import SHORTEST_PREFIX, Affinity, Stickiness, prefix_of
from pipelines.routing.wishes import NO_WISHES, Wishes
from tests.builders import a_body, a_call, a_deployment, a_principal, an_exchange

NOON = 43_200.0
FIRST, SECOND = a_deployment("first"), a_deployment("second")
LONG = "word " * SHORTEST_PREFIX


def of(digest: str = "d1", *turns: tuple[str, str], **fields: Any) -> Exchange:
    messages = [{"role": role, "content": text} for role, text in turns or (("user", "hi"),)]
    caller = replace(a_principal(), digest=digest)
    return an_exchange(a_call(a_body(messages=messages, **fields)), caller)


def pinned(affinity: Affinity, exchange: Exchange, wishes: Wishes = NO_WISHES) -> list[str]:
    return [id for id, _ in affinity.pinned("gpt", exchange, wishes, NOON + 1)]


def test_a_session_stays_where_it_was() -> None:
    affinity = Affinity(Stickiness(session=True))
    session = Wishes(session="s1")
    affinity.served(FIRST, of(), session, NOON)
    assert pinned(affinity, of(), session) == ["first"]
    assert pinned(affinity, of(), Wishes(session="s2")) == []
    assert pinned(affinity, of("other caller"), session) == []
    assert pinned(affinity, of()) == []
    affinity.served(SECOND, of(), session, NOON)
    assert pinned(affinity, of(), session) == ["second"]


def test_a_caller_stays_where_it_was_and_a_session_binds_more() -> None:
    affinity = Affinity(Stickiness(session=True, caller=True))
    affinity.served(FIRST, of(), Wishes(session="s1"), NOON)
    affinity.served(SECOND, of(), NO_WISHES, NOON)
    assert pinned(affinity, of()) == ["second"]
    assert pinned(affinity, of(), Wishes(session="s1")) == ["first", "second"]


def test_what_was_remembered_ends_with_its_time() -> None:
    affinity = Affinity(Stickiness(caller=True, ttl=60))
    affinity.served(FIRST, of(), NO_WISHES, NOON)
    assert list(affinity.pinned("gpt", of(), NO_WISHES, NOON + 59))
    assert not list(affinity.pinned("gpt", of(), NO_WISHES, NOON + 60))
    assert len(affinity) == 0


def test_the_least_recently_served_are_forgotten() -> None:
    affinity = Affinity(Stickiness(session=True), most=3)
    for name in ("a", "b", "c", "a", "d"):
        affinity.served(FIRST, of(), Wishes(session=name), NOON)
    assert len(affinity) == 3
    assert pinned(affinity, of(), Wishes(session="a")) == ["first"]
    assert pinned(affinity, of(), Wishes(session="b")) == []


def test_a_chat_that_goes_on_has_the_same_prefix() -> None:
    affinity = Affinity(Stickiness(prefix=True))
    start = (("system", LONG), ("user", "one"))
    affinity.served(FIRST, of("d1", *start), NO_WISHES, NOON)
    longer = of("d2", *start, ("assistant", "1"), ("user", "two"))
    assert pinned(affinity, longer) == ["first"]
    assert pinned(affinity, of("d1", ("system", LONG), ("user", "another"))) == []
    assert pinned(affinity, of("d1", *start, tools=[{"type": "function"}])) == []


def test_a_short_prompt_has_no_prefix_and_neither_has_one_without_turns() -> None:
    assert prefix_of(of().call) is None
    assert prefix_of(of("d1", ("system", LONG)).call) is None
    assert prefix_of(a_call(a_body(messages=LONG))) is None
