"""Auth lets nobody through whom it does not know, and nothing that he may not use."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.call import Call
from pipelines.errors import BadCall, Forbidden, TooLarge, Unauthenticated
from pipelines.events import Data, End, Headers
from pipelines.exchange import Exchange
from pipelines.operations import CHAT
from pipelines.stages.auth import Auth
from pipelines.usage import NO_USAGE
from tests.builders import (
    Rest,
    a_body,
    a_call,
    a_head,
    a_principal,
    an_exchange,
    flow_of,
    left_after,
    taken,
)
from tests.fakes.ports import FakeKeys

KEY: Headers = [(b"authorization", b"Bearer sk-good-key-0123456789")]
ANN = a_principal("ann")


def keys() -> FakeKeys:
    return FakeKeys({"sk-good-key-0123456789": ANN})


def refused(exchange: Exchange, store: FakeKeys | None = None) -> tuple[BaseException, Rest]:
    rest = flow_of(a_head())
    with pytest.raises(Exception) as raised:
        asyncio.run(taken(Auth(store or keys())(exchange, rest)))
    return raised.value, rest


def test_auth_passes_the_very_same_events_and_names_the_caller() -> None:
    events = (a_head(), Data(b"a"), End(NO_USAGE))
    exchange = an_exchange(a_call(headers=KEY))
    got = asyncio.run(taken(Auth(keys())(exchange, flow_of(*events))))
    assert [id(event) for event in got] == [id(event) for event in events]
    assert exchange.principal is ANN


def test_auth_asks_for_a_key_where_there_is_none() -> None:
    error, rest = refused(an_exchange())
    assert isinstance(error, Unauthenticated)
    assert (error.status, error.type) == (401, "auth_error")
    assert error.message == "Authentication Error, No api key passed in."
    assert rest.opened == 0


def test_auth_refuses_a_stranger_without_repeating_his_key() -> None:
    call = a_call(headers=[(b"x-api-key", b"sk-wrong-key-9876543210")])
    error, rest = refused(an_exchange(call))
    assert isinstance(error, Unauthenticated)
    assert (error.code, error.param) == ("invalid_api_key", "key")
    assert "wrong" not in error.message
    assert rest.opened == 0


def test_auth_opens_the_door_to_anybody_where_the_store_does() -> None:
    exchange = an_exchange()
    store = FakeKeys({None: a_principal("anybody")})
    asyncio.run(taken(Auth(store)(exchange, flow_of(a_head()))))
    assert exchange.principal.alias == "anybody"
    assert store.asked == [None]


def test_auth_looks_for_the_key_in_the_header_of_its_settings() -> None:
    call = a_call(headers=[(b"x-acme-key", b"sk-good-key-0123456789"), *KEY])
    exchange = an_exchange(call)
    asyncio.run(taken(Auth(keys(), b"x-acme-key")(exchange, flow_of(a_head()))))
    assert exchange.principal is ANN


def test_auth_refuses_a_model_that_the_caller_may_not_use() -> None:
    store = FakeKeys({None: a_principal(models=["other"])})
    error, rest = refused(an_exchange(), store)
    assert isinstance(error, Forbidden)
    assert (error.status, error.param) == (403, "model")
    assert error.type == "key_model_access_denied"
    assert "'gpt'" in error.message
    assert rest.opened == 0


def test_auth_does_not_repeat_a_monstrous_model_name() -> None:
    call = a_call(a_body("m" * 1_000_000))
    error, _ = refused(an_exchange(call), FakeKeys({None: a_principal(models=["other"])}))
    assert isinstance(error, Forbidden)
    assert len(error.message) < 1000


def test_auth_lets_a_restricted_caller_use_what_is_his() -> None:
    exchange = an_exchange()
    store = FakeKeys({None: a_principal(models=["gpt"])})
    assert asyncio.run(taken(Auth(store)(exchange, flow_of(a_head())))) == [a_head()]


def test_auth_tells_only_known_callers_what_is_wrong_with_the_body() -> None:
    error, _ = refused(an_exchange(a_call(b"{")))
    assert isinstance(error, Unauthenticated)
    error, rest = refused(an_exchange(a_call(b"{", headers=KEY)))
    assert isinstance(error, BadCall)
    assert rest.opened == 0


def test_auth_tells_only_known_callers_that_the_body_was_not_read() -> None:
    fault = TooLarge("over 32 MiB")
    error, _ = refused(an_exchange(Call(CHAT, b"", [], fault=fault)))
    assert isinstance(error, Unauthenticated)
    error, _ = refused(an_exchange(Call(CHAT, b"", KEY, fault=fault)))
    assert error is fault


def test_auth_still_knows_the_caller_when_it_is_closed_midway() -> None:
    exchange = an_exchange(a_call(headers=KEY))
    rest = flow_of(a_head(), Data(b"a"), Data(b"b"))
    got = asyncio.run(left_after(Auth(keys())(exchange, rest), 2))
    assert got == [a_head(), Data(b"a")]
    assert exchange.principal is ANN
