"""The twelve rules that real clients put on a gateway: what goes over the wire, 1 to 8."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest

from tests.e2e.gateway import Gateway
from tests.e2e.plain import (
    CHAT,
    DONE,
    MESSAGES,
    ask,
    ask_on,
    chat,
    connected,
    dialled,
    request,
    text_of,
    until,
)
from tests.e2e.provider import Provider

UNKNOWN = {
    "top_k": 40,
    "min_p": 0.05,
    "num_ctx": 8192,
    "keep_alive": "10m",
    "think": True,
    "repeat_penalty": 1.1,
    "verbosity": "low",
    "a_field_of_nobody": {"deep": [1, 2]},
}
AFTER_THE_FIRST_BYTE = ["cut_chunk", "cut_mid_event", "rst", "clean_eof", "sse_error_mid"]


def upstream_body(provider: Provider, model: str) -> dict[str, Any]:
    """What the provider was asked."""
    return provider.asked(model)[0].json


@pytest.mark.parametrize("model", ["mock/rate0", "faulty/ok@rule1"])
def test_rule_1_a_stream_is_single_data_lines_of_server_sent_events(
    gateway: Gateway, model: str
) -> None:
    answer = ask(gateway, body=chat(model))
    found = answer.events
    assert found[-1] == DONE
    assert text_of(found)
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert all(one["object"] == "chat.completion.chunk" for one in found[:-1])


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "model, statuses",
    [("", {400}), ("nobody", {404}), ("faulty/500@rule2", {502}), ("faulty/503html@rule2", {503}),
     ("faulty/empty200@rule2", {502}), ("faulty/error_first_event@rule2", {502, 503})],
)  # fmt: skip
def test_rule_2_an_error_before_the_first_byte_is_a_status_and_json(
    gateway: Gateway, model: str, statuses: set[int], stream: bool
) -> None:
    answer = ask(gateway, body=chat(model, stream=stream))
    assert answer.status in statuses
    assert answer.error
    assert int(answer.headers["content-length"]) == len(answer.body)


@pytest.mark.parametrize("mode", AFTER_THE_FIRST_BYTE)
def test_rules_3_4_and_5_a_stream_that_breaks_ends_with_an_error_event_and_the_end_mark(
    gateway: Gateway, mode: str
) -> None:
    with connected(gateway) as connection:
        *said, error, done = ask_on(connection, body=chat(f"faulty/{mode}@rule3")).events
        assert done == DONE
        assert text_of(said).startswith("t0 ")
        assert set(error) == {"error"}
        assert error["error"]["message"]
        assert isinstance(error["error"]["code"], str)
        # The end is clean: the same connection serves the next call.
        assert ask_on(connection, body=chat("mock/words1-rate0")).status == 200


def test_rule_3_half_an_event_is_never_passed_on(gateway: Gateway) -> None:
    raw = ask(gateway, body=chat("faulty/cut_mid_event@half")).body
    first, error, done = raw[:-2].split(b"\n\n")
    assert b'"t0 "' in first
    assert error.startswith(b'data: {"error":')
    assert done == b"data: [DONE]"


def test_rule_6_a_client_that_leaves_takes_the_provider_with_it(
    gateway: Gateway, provider: Provider
) -> None:
    with dialled(gateway, request(chat("faulty/nofirst@rule6"))):
        provider.asked("nofirst@rule6")
    assert provider.left("nofirst@rule6").after < 5


def test_rule_7_usage_is_sent_once_in_the_last_chunk_where_it_was_asked_for(
    gateway: Gateway,
) -> None:
    for model in ("mock/rate0", "faulty/ok@rule7", "faulty/usage_spaced@rule7"):
        wish = {"include_usage": True}
        found = ask(gateway, body=chat(model, stream_options=wish)).events[:-1]
        counted = [one for one in found if one.get("usage")]
        assert counted == found[-1:]
        assert found[-1]["choices"] == []
        assert found[-1]["usage"]["completion_tokens"] > 0


@pytest.mark.parametrize("wish", [None, {}, {"include_usage": False}])
@pytest.mark.parametrize("model", ["mock/rate0", "faulty/ok@rule7", "faulty/usage_spaced@rule7"])
def test_rule_7_no_usage_is_sent_where_nobody_asked(
    gateway: Gateway, model: str, wish: object
) -> None:
    more = {} if wish is None else {"stream_options": wish}
    found = ask(gateway, body=chat(model, **more)).events[:-1]
    assert not [one for one in found if one.get("usage")]
    assert all(one["choices"] for one in found)


def test_rule_7_the_log_knows_the_usage_although_the_client_did_not_ask(
    gateway: Gateway, provider: Provider
) -> None:
    ask(gateway, body=chat("faulty/ok@counted"))
    line = gateway.call("faulty/ok@counted")
    assert (line["prompt_tokens"], line["completion_tokens"]) == (10, 5)
    assert "usage_estimated" not in line
    assert upstream_body(provider, "ok@counted")["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("stream", [True, False])
def test_rule_8_fields_that_nobody_knows_are_passed_on(
    gateway: Gateway, provider: Provider, stream: bool
) -> None:
    assert ask(gateway, body=chat("mock/rate0", stream=stream, **UNKNOWN)).status == 200
    model = f"ok@rule8{stream}"
    assert ask(gateway, body=chat(f"faulty/{model}", stream=stream, **UNKNOWN)).status == 200
    asked = upstream_body(provider, model)
    assert {name: asked[name] for name in UNKNOWN} == UNKNOWN


def test_the_role_developer_is_accepted(gateway: Gateway, provider: Provider) -> None:
    messages = [{"role": "developer", "content": "Be brief."}, *MESSAGES]
    body = {"max_completion_tokens": 9, "messages": messages, "stream": False}
    assert ask(gateway, body={"model": "demo", **body}).status == 200
    assert ask(gateway, body={"model": "faulty/ok@developer", **body}).status == 200
    [asked] = provider.asked("ok@developer")
    assert asked.json["messages"][0]["content"] == "Be brief."


def test_a_responses_body_on_chat_is_told_what_is_wrong(gateway: Gateway) -> None:
    answer = ask(gateway, body={"model": "demo", "input": "Hello", "stream": True})
    assert answer.status == 400
    assert answer.error["param"] == "messages"
    assert "'input'" in answer.error["message"]
    assert "Responses API" in answer.error["message"]


@pytest.mark.parametrize("model", ["demo", "faulty/ok@base64"])
def test_base64_embeddings_are_little_endian_floats(gateway: Gateway, model: str) -> None:
    body = {"model": model, "input": ["a", "b"]}
    coded = ask(gateway, "/v1/embeddings", {**body, "encoding_format": "base64"}).json["data"]
    plain = ask(gateway, "/v1/embeddings", body).json["data"]
    for one, other in zip(coded, plain, strict=True):
        raw = base64.b64decode(one["embedding"])
        assert struct.unpack(f"<{len(raw) // 4}f", raw) == pytest.approx(other["embedding"])


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream", "*/*", "text/html"])
def test_the_accept_header_decides_nothing(gateway: Gateway, accept: str) -> None:
    headers = {"Accept": accept, "Accept-Encoding": "gzip, deflate, br"}
    answer = ask(gateway, body=chat("mock/words2-rate0"), headers=headers)
    assert answer.events
    assert "content-encoding" not in answer.headers
    whole = ask(gateway, body=chat("mock/words2", stream=False), headers=headers)
    assert whole.headers["content-type"] == "application/json"


def test_a_body_in_chunks_without_a_length_is_read(gateway: Gateway) -> None:
    raw = request(chat("mock/words2-rate0"), CHAT).partition(b"\r\n\r\n")[2]
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    key = b"Authorization: Bearer sk-headgate-end-to-end\r\n\r\n"
    halves = (raw[:20], raw[20:])
    body = b"".join(b"%x\r\n%b\r\n" % (len(half), half) for half in halves) + b"0\r\n\r\n"
    with dialled(gateway, head + key + body) as sock:
        assert until(sock, b"0\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")
