"""A body goes out as it came in, and where it must change, only that changes."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from pipelines.call import Call
from pipelines.dialects.openai import GATEWAY_FIELDS, forwarded
from pipelines.errors import BadCall
from pipelines.provider import Quirks
from tests.builders import a_body, a_call, a_deployment, a_provider

SPACED = b'{ "model" : "gpt" ,\n "messages": [ {"role":"user","content":"hi"} ], "x": 1.0e2 }'


def sent(raw: bytes | Call, ask_usage: bool = False, **deployment: Any) -> bytes:
    call = raw if isinstance(raw, Call) else a_call(raw)
    return forwarded(call, a_deployment(**deployment), ask_usage)


def sent_fields(ask_usage: bool = False, quirks: Quirks | None = None, **fields: Any) -> Any:
    """The body that goes out for a chat with these fields, decoded."""
    return orjson.loads(sent(a_body(**fields), ask_usage, provider=a_provider(quirks=quirks)))


@pytest.mark.parametrize(
    "raw",
    [
        a_body(),
        SPACED,
        b'\r\n\t{"model":"gpt","messages":[]}\n',
        b'{"messages":[],"model":"gpt","seed":7228414683750928000,"t":1.10,"u":-0.0}',
        '{"messages":[{"content":"日本語 🙂 \\n \\"model\\": \\"x\\""}],"model":"gpt"}'.encode(),
        b'{"model":"gpt","messages":[],"dup":1,"dup":2}',
        b'{"model":"gpt","messages":[],"big":123456789012345678901234567890}',
    ],
)
def test_a_body_that_needs_no_change_is_the_very_same_object(raw: bytes) -> None:
    call = a_call(raw)
    assert sent(call) is call.raw


def test_another_model_is_spliced_and_every_other_byte_stays() -> None:
    assert sent(SPACED, model="other/名") == SPACED.replace(b'"gpt"', '"other/名"'.encode())


def test_a_models_name_with_quotes_is_spliced_safely() -> None:
    got = sent(b'{"model":"a\\"b","messages":[]}', group='a"b', model='c"},"x":{"d')
    assert json.loads(got) == {"model": 'c"},"x":{"d', "messages": []}


@pytest.mark.parametrize(
    "raw",
    [
        b'{"model":"other","messages":[],"model":"gpt"}',
        b'{"model":"gpt","messages":[],"tools":[{"model":"x"}]}',
        b'{"model":"gpt","messages":[],"a":"model"}',
        b'{"mod\\u0065l":"gpt","messages":[]}',
        b'{"model":"gpt","messages":[],"mod\\u0065l":"gpt"}',
        b'{"model":"\\u0067pt","messages":[]}',
    ],
)
def test_a_body_in_which_the_model_is_not_plain_is_written_anew(raw: bytes) -> None:
    call = a_call(raw)
    got = sent(call, model="wanted")
    assert got is not raw
    assert json.loads(got) == {**call.json, "model": "wanted"}
    assert got.count(b'"model":"wanted"') == 1


def test_the_model_of_the_path_is_written_into_the_body() -> None:
    for raw in (b'{"messages":[]}', b'{"model":"other","messages":[]}'):
        got = json.loads(sent(a_call(raw, path_model="gpt")))
        assert got == {"messages": [], "model": "gpt"}


@pytest.mark.parametrize("model", ["gpt", "other"])
def test_the_model_of_the_path_is_not_mistaken_for_one_below(model: str) -> None:
    raw = b'{"messages":[],"tool":{"model":"gpt"}}'
    got = json.loads(sent(a_call(raw, path_model="gpt"), model=model))
    assert got == {"messages": [], "tool": {"model": "gpt"}, "model": model}


def test_a_body_that_names_the_model_of_its_path_stays_as_it_is() -> None:
    call = a_call(SPACED, path_model="gpt")
    assert sent(call) is call.raw


@pytest.mark.parametrize("key", ["Model", "MODEL", "mOdel"])
def test_a_model_in_capitals_does_not_reach_a_provider_that_ignores_case(key: str) -> None:
    # Go's JSON matches names without regard to case, and its last one wins.
    raw = orjson.dumps({"model": "gpt", "messages": [], key: "forbidden"})
    for got in (sent(raw), sent(raw, ask_usage=True)):
        assert b"forbidden" not in got


def test_usage_is_asked_for_in_front_and_nothing_else_changes() -> None:
    got = sent(SPACED, ask_usage=True)
    assert got == b'{"stream_options":{"include_usage":true},' + SPACED[1:]
    assert json.loads(got)["stream_options"] == {"include_usage": True}


def test_usage_is_asked_for_and_the_model_spliced_together() -> None:
    got = sent(b' {"model":"gpt","messages":[]}', ask_usage=True, model="other")
    assert got == b'{"stream_options":{"include_usage":true},"model":"other","messages":[]}'


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (None, {"include_usage": True}),
        ({}, {"include_usage": True}),
        ({"include_usage": False}, {"include_usage": True}),
        (
            {"include_obfuscation": False},
            {"include_obfuscation": False, "include_usage": True},
        ),
    ],
)
def test_usage_is_asked_for_beside_the_clients_own_options(
    options: object, wanted: dict[str, bool]
) -> None:
    got = sent(a_body(stream_options=options), ask_usage=True)
    assert json.loads(got)["stream_options"] == wanted
    assert got.count(b'"stream_options"') == 1


@pytest.mark.parametrize("options", ["yes", 7, [1], True])
def test_stream_options_of_another_type_are_refused_by_name(options: object) -> None:
    with pytest.raises(BadCall) as raised:
        sent(a_body(stream_options=options), ask_usage=True)
    assert raised.value.param == "stream_options"


@pytest.mark.parametrize("field", sorted(GATEWAY_FIELDS))
def test_fields_for_the_gateway_stay_here(field: str) -> None:
    fields: dict[str, Any] = {field: 1, "temperature": 0.5}
    got = sent_fields(**fields)
    assert field not in got
    assert got["temperature"] == 0.5


def test_metadata_goes_on_only_where_openai_keeps_it() -> None:
    assert "metadata" not in sent_fields(metadata={"a": "b"})
    assert "metadata" not in sent_fields(metadata={"a": "b"}, store=False)
    assert sent_fields(metadata={"a": "b"}, store=True)["metadata"] == {"a": "b"}


def test_unknown_fields_go_on() -> None:
    fields: dict[str, Any] = {
        "top_k": 1,
        "min_p": 0.5,
        "think": True,
        "keep_alive": "5m",
        "custom": [None],
    }
    got = sent_fields(timeout=3, **fields)
    assert {key: got[key] for key in fields} == fields


def test_fields_are_renamed_and_keep_their_place() -> None:
    quirks = Quirks(rename={"max_completion_tokens": "max_tokens"})
    got = sent_fields(quirks=quirks, max_completion_tokens=5, temperature=1)
    assert list(got) == ["model", "messages", "max_tokens", "temperature"]
    assert got["max_tokens"] == 5


def test_fields_are_dropped() -> None:
    got = sent_fields(quirks=Quirks(drop=frozenset({"store"})), store=True, seed=1)
    assert "store" not in got
    assert got["seed"] == 1


def test_roles_are_renamed_and_what_is_no_role_is_left() -> None:
    messages: list[Any] = [
        {"role": "developer", "content": "a", "name": "x"},
        {"role": "user", "content": "developer"},
        {"role": ["developer"], "content": "b"},
        {"role": None},
        {"content": "c"},
        "developer",
        7,
    ]
    got = sent_fields(quirks=Quirks(roles={"developer": "system"}), messages=messages)
    assert got["messages"] == [{"role": "system", "content": "a", "name": "x"}, *messages[1:]]


@pytest.mark.parametrize("messages", ["hello", 7, {"role": "developer"}, [], [["developer"]]])
def test_messages_that_are_no_list_of_messages_are_the_providers_to_refuse(
    messages: object,
) -> None:
    quirks = Quirks(roles={"developer": "system"})
    assert sent_fields(quirks=quirks, messages=messages)["messages"] == messages


def test_quirks_that_do_not_apply_change_nothing() -> None:
    quirks = Quirks(rename={"a": "b"}, roles={"developer": "system"}, drop=frozenset({"c"}))
    call = a_call(SPACED)
    assert sent(call, provider=a_provider(quirks=quirks)) is call.raw


def test_defaults_fill_what_the_client_left_out() -> None:
    got = json.loads(sent(a_body(seed=1), defaults={"seed": 2, "temperature": 0.5}))
    assert (got["seed"], got["temperature"]) == (1, 0.5)


def test_a_null_of_the_client_is_no_gap() -> None:
    call = a_call(a_body(temperature=None))
    assert sent(call, defaults={"temperature": 0.5}) is call.raw


def test_defaults_do_not_overrule_a_field_under_its_other_name() -> None:
    provider = a_provider(quirks=Quirks(rename={"max_completion_tokens": "max_tokens"}))
    raw = a_body(max_completion_tokens=5)
    got = json.loads(sent(raw, provider=provider, defaults={"max_tokens": 100}))
    assert got["max_tokens"] == 5
    got = json.loads(sent(a_body(), provider=provider, defaults={"max_completion_tokens": 100}))
    assert got["max_tokens"] == 100


def test_defaults_choose_no_model() -> None:
    got = json.loads(sent(a_body(), defaults={"model": "evil", "seed": 1}, model="good"))
    assert got["model"] == "good"


def test_integers_of_sixty_four_bits_survive_a_new_writing() -> None:
    numbers = b'"a":18446744073709551615,"b":-9223372036854775808'
    assert numbers in sent(b'{"model":"gpt","messages":[],"timeout":1,' + numbers + b"}")


def test_text_survives_a_new_writing() -> None:
    content = '日本語 🙂 \u2028 \x7f \\ " \t é\u0000'
    got = sent_fields(timeout=1, messages=[{"role": "user", "content": content}])
    assert got["messages"][0]["content"] == content


def test_one_attempt_leaves_the_call_as_it_was_for_the_next() -> None:
    raw = a_body(timeout=1, stream_options={"include_usage": False})
    call = a_call(raw)
    before = orjson.dumps(call.json)
    sent(call, ask_usage=True, model="one", defaults={"seed": 1})
    assert (call.raw, orjson.dumps(call.json)) == (raw, before)


def test_what_the_operator_cannot_mean_is_no_crash() -> None:
    with pytest.raises(BadCall, match="cannot be passed on"):
        sent(a_body(), defaults={"x": object()})
