"""A provider that fails after its first byte is told of in the stream, and never tried again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from tests.e2e.configs import config, entry, mocks
from tests.e2e.gateway import Gateway, running
from tests.e2e.plain import DONE, ask, ask_on, chat, connected, text_of
from tests.e2e.provider import Provider
from tests.e2e.sdk import HELLO, async_client, client, text
from tests.fakes.wire import event

# What is passed on of each broken stream, and the code that its error has.
BROKEN = {
    "stall": ("t0 t1 ", "upstream_stalled"),
    "cut_chunk": ("t0 t1 ", "upstream_disconnected"),
    "cut_mid_event": ("t0 ", "upstream_disconnected"),
    "rst": ("t0 ", "upstream_disconnected"),
    "clean_eof": ("t0 t1 ", "upstream_truncated"),
    "close_delim_cut": ("t0 t1 ", "upstream_truncated"),
    "sse_error_mid": ("t0 ", "upstream_disconnected"),
}
MOCKED = {
    "mock/stall3-rate0": "upstream_stalled",
    "mock/cut3-rate0": "upstream_disconnected",
    "mock/eof3-rate0": "upstream_truncated",
    "mock/errorevent3-rate0": "upstream_disconnected",
}


@pytest.fixture(scope="module")
def gateway(provider: Provider, folder: Path) -> Iterator[Gateway]:
    """A gateway that would try elsewhere if it could."""
    models = mocks()
    for mode in BROKEN:
        models.append(entry(mode, f"openai_like/{mode}@after", provider.url, order=1))
        models.append(entry(mode, "openai_like/ok@never", provider.url, order=2))
    models.append(entry("backup", "openai_like/ok@never", provider.url))
    models.append(entry("faulty/*", "openai_like/*", provider.url))
    routing = {"num_retries": 3, "default_fallbacks": ["backup"]}
    with running(folder, config(*models, router_settings=routing, idle_timeout=0.5)) as found:
        yield found


@pytest.mark.parametrize("mode", BROKEN)
def test_the_stream_ends_with_an_error_event_and_then_the_end_mark(
    gateway: Gateway, provider: Provider, mode: str
) -> None:
    words, code = BROKEN[mode]
    with connected(gateway) as connection:
        answer = ask_on(connection, body=chat(mode), headers={"x-litellm-call-id": mode})
        *whole, error, done = answer.events
        assert ask_on(connection, body=chat("mock/words1-rate0")).status == 200
    assert text_of(whole) == words
    assert error["error"]["code"] == code
    assert error["error"]["type"] == "upstream_error"
    assert "choices" not in error
    assert done == DONE
    line = gateway.call(mode)
    assert (line["outcome"], line["status"], line["attempts"]) == ("broken", 200, 1)
    assert line["error"] == error["error"]["message"]
    assert line["completion_tokens"] > 0
    assert provider.never_asked("ok@never")


@pytest.mark.parametrize("mode", BROKEN)
def test_what_came_whole_is_passed_on_byte_for_byte(gateway: Gateway, mode: str) -> None:
    words, _ = BROKEN[mode]
    raw = ask(gateway, body=chat(mode)).body
    given, found, rest = raw.partition(b'data: {"error":')
    assert given == b"".join(event(f"{word} ") for word in words.split())
    assert found
    assert rest.endswith(b"}\n\ndata: [DONE]\n\n")


@pytest.mark.parametrize("mode", BROKEN)
def test_the_sdk_keeps_the_partial_text_and_raises_its_own_error(
    gateway: Gateway, mode: str
) -> None:
    words, code = BROKEN[mode]
    chunks: list[ChatCompletionChunk] = []
    with client(gateway, max_retries=2) as sdk:
        stream = sdk.chat.completions.create(model=mode, messages=HELLO, stream=True)
        with pytest.raises(openai.APIError) as raised:
            chunks.extend(stream)
    assert text(chunks) == words
    assert type(raised.value) is openai.APIError
    assert raised.value.code == code
    assert raised.value.message


async def test_the_asynchronous_sdk_does_the_same(gateway: Gateway) -> None:
    said = ""
    async with async_client(gateway) as sdk:
        stream = await sdk.chat.completions.create(model="cut_chunk", messages=HELLO, stream=True)
        with pytest.raises(openai.APIError, match="broke off"):
            async for chunk in stream:
                said += text([chunk])
    assert said == "t0 t1 "


@pytest.mark.parametrize("model", MOCKED)
def test_the_built_in_mock_fails_in_the_same_ways(gateway: Gateway, model: str) -> None:
    *whole, error, _ = ask(gateway, body=chat(model)).events
    assert len([one for one in whole if one["choices"][0]["delta"].get("content")]) == 3
    assert error["error"]["code"] == MOCKED[model]


def test_old_completions_end_in_the_same_way(gateway: Gateway) -> None:
    body = {"model": "mock/cut3-rate0", "prompt": "Say it", "stream": True}
    *whole, error, done = ask(gateway, "/v1/completions", body).events
    assert "".join(one["choices"][0]["text"] for one in whole).split()[0] == "Hello!"
    assert error["error"]["code"] == "upstream_disconnected"
    assert done == DONE


def test_only_the_end_mark_is_missing_of_a_stream_that_is_complete(gateway: Gateway) -> None:
    found = ask(gateway, body=chat("faulty/no_done@after")).events
    assert found[-1] == DONE
    assert found[-2]["choices"][0]["finish_reason"] == "stop"
    assert gateway.call("faulty/no_done@after")["outcome"] == "ok"


def test_comments_and_other_line_ends_do_not_count_as_faults(gateway: Gateway) -> None:
    for mode in ("comments", "crlf_sse", "nospace_sse", "utf8split", "badutf8", "badjson"):
        model = f"faulty/{mode}@fine"
        answer = ask(gateway, body=chat(model))
        assert answer.status == 200
        assert b'"error"' not in answer.body
        assert gateway.call(model)["outcome"] == "ok"
