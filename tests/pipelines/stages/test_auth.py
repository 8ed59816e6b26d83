"""Auth lets nobody through whom it does not know, and nothing that he may not use."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.access import Layer
from pipelines.addresses import Addresses, networks
from pipelines.call import Call
from pipelines.errors import (
    BadCall,
    Forbidden,
    GatewayError,
    StoreUnavailable,
    TooLarge,
    Unauthenticated,
)
from pipelines.events import Data, End, Headers
from pipelines.exchange import Exchange, Principal
from pipelines.operations import CHAT
from pipelines.parties import Party, PartyRules
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
    assert error.type == "token_not_found_in_db"
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


class FakeUsers:
    """Notes for whom it was asked, and gives the principal or the error that it was given."""

    def __init__(self, answer: Principal | GatewayError) -> None:
        self._answer = answer
        self.asked: list[tuple[Principal, Party]] = []

    async def joined(self, principal: Principal, party: Party) -> Principal:
        self.asked.append((principal, party))
        if isinstance(self._answer, GatewayError):
            raise self._answer
        return self._answer


def everybody(principal: Principal) -> FakeKeys:
    return FakeKeys({None: principal})


def run(auth: Auth, exchange: Exchange) -> Rest:
    rest = flow_of(a_head())
    asyncio.run(taken(auth(exchange, rest)))
    return rest


def test_auth_asks_who_stands_behind_a_call_for_somebody() -> None:
    ann = Principal("ann", end_user="e1")
    users = FakeUsers(ann)
    exchange = an_exchange(a_call(a_body(user="e1")))
    run(Auth(everybody(ANN), users=users), exchange)
    assert users.asked == [(ANN, Party(end_user="e1"))]
    assert exchange.principal is ann


def test_auth_asks_nobody_about_a_call_for_nobody() -> None:
    users = FakeUsers(ANN)
    run(Auth(everybody(ANN), users=users), an_exchange())
    assert users.asked == []


@pytest.mark.parametrize("error", [Forbidden("blocked"), StoreUnavailable("away")])
def test_auth_lets_no_call_pass_for_somebody_who_may_not(error: GatewayError) -> None:
    exchange = an_exchange(a_call(a_body(user="e1")))
    rest = flow_of(a_head())
    with pytest.raises(type(error)):
        asyncio.run(taken(Auth(everybody(ANN), users=FakeUsers(error))(exchange, rest)))
    assert rest.opened == 0
    assert exchange.principal is ANN


def test_auth_notes_the_names_where_nobody_knows_more() -> None:
    exchange = an_exchange(a_call(a_body(user="e1", tags=["a"])))
    run(Auth(everybody(ANN)), exchange)
    assert (exchange.principal.end_user, exchange.principal.tags) == ("e1", ("a",))


def test_auth_asks_the_layers_of_the_joined_caller() -> None:
    joined = Principal("ann", layers=(Layer("end_user", frozenset({"other"})),))
    exchange = an_exchange(a_call(a_body(user="e1")))
    with pytest.raises(Forbidden) as refused:
        run(Auth(everybody(ANN), users=FakeUsers(joined)), exchange)
    assert refused.value.type == "customer_model_access_denied"


def test_auth_sends_the_model_that_an_alias_stands_for() -> None:
    exchange = an_exchange(a_call(a_body("fast")))
    run(Auth(everybody(Principal("ann", aliases={"fast": "gpt"}))), exchange)
    assert exchange.call.model == "gpt"
    assert b'"gpt"' in exchange.call.raw
    assert exchange.call.json["messages"]


def test_auth_leaves_a_call_without_an_alias_as_it_came() -> None:
    exchange = an_exchange(a_call())
    call = exchange.call
    run(Auth(everybody(Principal("ann", aliases={"fast": "gpt"}))), exchange)
    assert exchange.call is call


def test_auth_sends_a_task_to_the_operators_model() -> None:
    rules = PartyRules(task_header=b"x-task", task_model="small")
    allowed = Principal("ann", models=frozenset({"gpt"}))
    exchange = an_exchange(a_call(headers=[(b"x-task", b"title_generation")]))
    run(Auth(everybody(allowed), parties=rules), exchange)
    assert exchange.call.model == "small"
    assert exchange.principal.tags == ("task:title_generation",)
    chat = an_exchange(a_call())
    run(Auth(everybody(allowed), parties=rules), chat)
    assert chat.call.model == "gpt"


def test_auth_sends_no_task_of_a_model_that_may_not_be_used() -> None:
    rules = PartyRules(task_header=b"x-task", task_model="small")
    exchange = an_exchange(a_call(headers=[(b"x-task", b"title_generation")]))
    with pytest.raises(Forbidden):
        run(Auth(everybody(a_principal(models=["other"])), parties=rules), exchange)


def test_auth_refuses_a_route_that_the_key_may_not_call() -> None:
    with pytest.raises(Forbidden, match="management_routes"):
        run(Auth(everybody(Principal("ann", routes=("management_routes",)))), an_exchange())
    run(Auth(everybody(Principal("ann", routes=("llm_api_routes",)))), an_exchange())


def test_auth_refuses_an_address_that_the_key_may_not_call_from() -> None:
    ann = Principal("ann", networks=networks(["10.0.0.0/8"]))
    run(Auth(everybody(ann)), an_exchange(a_call(client="10.1.1.1")))
    said = [(b"x-forwarded-for", b"10.1.1.1")]
    with pytest.raises(Forbidden, match=r"8\.8\.8\.8"):
        run(Auth(everybody(ann)), an_exchange(a_call(client="8.8.8.8", headers=said)))
    trusting = Addresses(forwarded=True)
    call = a_call(client="8.8.8.8", headers=said)
    run(Auth(everybody(ann), addresses=trusting), an_exchange(call))


def test_auth_refuses_everybody_from_elsewhere_where_the_operator_says_so() -> None:
    addresses = Addresses(allowed=networks(["10.0.0.1"]))
    with pytest.raises(Forbidden):
        run(Auth(everybody(ANN), addresses=addresses), an_exchange(a_call(client="10.0.0.2")))
    run(Auth(everybody(ANN), addresses=addresses), an_exchange(a_call(client="10.0.0.1")))
