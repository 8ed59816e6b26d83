"""For whom a call is made is read in LiteLLM's order, and signed words win over plain ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from pipelines.call import Call
from pipelines.errors import Unauthenticated
from pipelines.exchange import Principal
from pipelines.operations import EMBEDDINGS
from pipelines.parties import LONGEST, MOST_TAGS, Party, PartyRules, noted
from tests.builders import a_body, a_call

MAPPED = PartyRules(
    headers=(
        (b"x-openwebui-user-id", "user"),
        (b"x-customer", "end_user"),
        (b"x-old", "end_user"),
    )
)
CLAIMS = {"sub": "u1", "email": "u1@x.example", "name": "Žofie Ünal", "role": "admin"}


def signed(token: str) -> Mapping[str, Any]:
    if token != "good":
        raise Unauthenticated("bad")
    return CLAIMS


def call(headers: dict[str, str] | None = None, **body: Any) -> Call:
    listed = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    return a_call(a_body(**body), headers=listed)


def end_user(rules: PartyRules, one: Call) -> str | None:
    party = rules.party(one)
    return party.end_user if party else None


def test_a_call_that_says_nothing_is_for_nobody() -> None:
    assert PartyRules().party(call()) is None
    assert PartyRules().party(call(user="", metadata={"tags": []}, tags="no")) is None


def test_the_first_place_that_names_an_end_user_wins() -> None:
    places: list[tuple[dict[str, str], dict[str, Any]]] = [
        ({"x-litellm-customer-id": "a"}, {}),
        ({"x-litellm-end-user-id": "b"}, {}),
        ({"X-Customer": "c"}, {}),
        ({"X-Old": "d"}, {}),
        ({}, {"user": "e"}),
        ({}, {"litellm_metadata": {"user": "f"}}),
        ({}, {"metadata": {"user_id": "g"}}),
        ({}, {"safety_identifier": "h"}),
    ]
    for index, wanted in enumerate("abcdefgh"):
        headers: dict[str, str] = {}
        body: dict[str, Any] = {}
        for one, other in places[index:]:
            headers |= one
            body |= other
        assert end_user(MAPPED, call(headers, **body)) == wanted


@pytest.mark.parametrize(
    "body",
    [{"user": {"a": 1}}, {"user": True}, {"metadata": "text"}, {"metadata": {"user_id": ["x"]}}],
)
def test_what_is_no_name_is_nobody(body: dict[str, Any]) -> None:
    assert PartyRules().party(call(**body)) is None


def test_a_number_is_a_name() -> None:
    assert end_user(PartyRules(), call(user=42)) == "42"


def test_a_long_name_is_cut_and_stays_its_own() -> None:
    first = end_user(PartyRules(), call(user="x" * 1000 + "1"))
    second = end_user(PartyRules(), call(user="x" * 1000 + "2"))
    assert first is not None
    assert first != second
    assert len(first) == LONGEST


def test_end_users_can_be_left_out() -> None:
    rules = PartyRules(headers=((b"x-customer", "end_user"),), ends=False)
    assert rules.party(call({"x-customer": "c", "x-litellm-customer-id": "a"}, user="e")) is None


def test_plain_headers_are_believed_where_they_are_mapped_and_nothing_signs() -> None:
    headers = {
        "X-OpenWebUI-User-Id": "u9",
        "X-OpenWebUI-User-Email": "u9@x.example",
        "X-OpenWebUI-User-Name": "%C5%BDofie %C3%9Cnal",
        "X-OpenWebUI-User-Role": "user",
        "X-OpenWebUI-User-Groups": "red, blue,",
    }
    assert MAPPED.party(call(headers)) == Party(
        user="u9",
        email="u9@x.example",
        name="Žofie Ünal",
        role="user",
        groups=("red", "blue"),
    )
    assert PartyRules().party(call(headers)) is None


def test_a_signed_user_is_believed_without_a_mapping() -> None:
    party = PartyRules(verify=signed).party(call({"X-OpenWebUI-User-Jwt": "good"}))
    assert party == Party(user="u1", email="u1@x.example", name="Žofie Ünal", role="admin")


def test_plain_headers_are_not_believed_where_there_is_a_secret() -> None:
    rules = PartyRules(headers=MAPPED.headers, verify=signed)
    assert rules.party(call({"X-OpenWebUI-User-Id": "u9"})) is None
    party = rules.party(call({"X-OpenWebUI-User-Id": "u9", "X-OpenWebUI-User-Jwt": "good"}))
    assert party is not None
    assert (party.user, party.role) == ("u1", "admin")
    assert end_user(rules, call({"X-Customer": "c"})) == "c"


def test_a_signed_address_can_be_mapped_to_an_end_user() -> None:
    rules = PartyRules(headers=((b"x-openwebui-user-email", "end_user"),), verify=signed)
    party = rules.party(call({"X-OpenWebUI-User-Jwt": "good"}))
    assert party == Party(end_user="u1@x.example")


def test_a_bad_token_is_refused_and_without_a_secret_it_is_not_looked_at() -> None:
    with pytest.raises(Unauthenticated):
        PartyRules(verify=signed).party(call({"X-OpenWebUI-User-Jwt": "bad"}))
    assert PartyRules().party(call({"X-OpenWebUI-User-Jwt": "bad"})) is None


def test_tags_come_from_three_places_each_once() -> None:
    party = PartyRules().party(
        call({"x-litellm-tags": "a, b"}, metadata={"tags": ["b", "c", 7]}, tags=["d", " "])
    )
    assert party is not None
    assert party.tags == ("a", "b", "c", "d")


def test_tags_are_bounded_and_nobody_calls_a_chat_a_task() -> None:
    many = [f"t{number}" for number in range(100)]
    party = PartyRules().party(call(tags=["task:title_generation", "x" * 101, *many]))
    assert party is not None
    assert party.tags == tuple(many[:MOST_TAGS])


def test_a_task_is_told_by_its_header() -> None:
    rules = PartyRules(task_header=b"x-task")
    party = rules.party(call({"X-Task": "title_generation"}))
    assert party == Party(task="title_generation")


def test_other_operations_have_parties_too() -> None:
    one = a_call(b'{"model":"e","input":"x","user":"ann"}', EMBEDDINGS)
    assert PartyRules().party(one) == Party(end_user="ann")


def test_where_nobody_knows_more_the_names_are_noted() -> None:
    party = Party(end_user="e", user="u", tags=("a",), task="title_generation")
    principal = noted(Principal("k", tags=("own",)), party)
    assert (principal.user_id, principal.end_user) == ("u", "e")
    assert principal.tags == ("own", "a", "task:title_generation")
    assert noted(Principal("k", user_id="x"), Party(tags=("a",))).user_id == "x"


def test_a_request_without_a_body_is_for_somebody_too() -> None:
    headers = [(b"x-openwebui-user-id", b"u9"), (b"x-customer", b"c")]
    assert MAPPED.of_headers(headers) == Party(end_user="c", user="u9")
    assert MAPPED.of_headers([(b"x-customer", b"c")]) == Party(end_user="c")
    assert MAPPED.of_headers([]) is None


def test_where_a_user_is_required_a_call_for_nobody_is_refused() -> None:
    rules = replace(MAPPED, requires_user=True)
    for one in (call(), call(user=""), call(tags=["a"]), call(metadata={"trace": 1})):
        with pytest.raises(Unauthenticated, match="'user' param not passed in"):
            rules.party(one)
    for one in (
        call(user="ann"),
        call(metadata={"user_id": "ann"}),
        call(safety_identifier="ann"),
        call({"X-Customer": "c"}),
        call({"X-OpenWebUI-User-Id": "u9"}),
    ):
        assert rules.party(one) is not None
    silent = PartyRules(requires_user=True, ends=False)
    assert silent.party(call(user="ann")) is None
