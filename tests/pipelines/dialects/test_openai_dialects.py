"""OpenAI's three dialects: what is asked of the provider, and how its reply is watched."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.call import Call
from pipelines.dialects.openai_dialects import (
    OPENAI_CHAT,
    OPENAI_COMPLETIONS,
    OPENAI_EMBEDDINGS,
    OpenAIDialect,
)
from pipelines.dialects.openai_gauge import StreamGauge, WholeGauge
from pipelines.errors import Overloaded, StreamBroken, UpstreamFailed
from pipelines.operations import COMPLETIONS, EMBEDDINGS
from pipelines.provider import Quirks
from pipelines.usage import Usage
from tests.builders import (
    DONE,
    KNOWN_USAGE,
    a_body,
    a_call,
    a_chunk,
    a_deployment,
    a_provider,
    a_stream_call,
    a_usage_chunk,
    sse,
)

SILENT = a_provider(quirks=Quirks(asks_usage=False))


def forwarded(call: Call, **deployment: Any) -> Any:
    return orjson.loads(OPENAI_CHAT.forward(call, a_deployment(**deployment)))


def passed_on(call: Call, raw: bytes, **deployment: Any) -> bytes:
    """What of a streamed reply goes on to the client."""
    gauge = OPENAI_CHAT.gauge(call, a_deployment(**deployment))
    return gauge.watch(raw) + gauge.close()


def test_each_dialect_has_the_name_by_which_it_is_known() -> None:
    names = [one.name for one in (OPENAI_CHAT, OPENAI_COMPLETIONS, OPENAI_EMBEDDINGS)]
    assert names == ["openai-chat", "openai-completions", "openai-embeddings"]


def test_usage_is_asked_for_on_a_stream_that_did_not() -> None:
    assert forwarded(a_stream_call())["stream_options"] == {"include_usage": True}
    off = a_stream_call(stream_options={"include_usage": False})
    assert forwarded(off)["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    "call",
    [
        a_call(),
        a_stream_call(stream_options={"include_usage": True}),
        a_call(a_body(stream=True, input="a"), EMBEDDINGS),
    ],
)
def test_usage_is_not_asked_for_where_it_comes_anyway(call: Call) -> None:
    assert OPENAI_CHAT.forward(call, a_deployment()) is call.raw


def test_usage_is_not_asked_of_a_provider_that_does_not_know_the_question() -> None:
    call = a_stream_call()
    assert OPENAI_CHAT.forward(call, a_deployment(provider=SILENT)) is call.raw


def test_usage_is_cut_out_again_where_the_gateway_asked() -> None:
    good, told = sse(a_chunk("a", "stop")), sse(a_usage_chunk())
    assert passed_on(a_stream_call(), good + told + DONE) == good + DONE


def test_usage_goes_on_where_the_client_asked() -> None:
    raw = sse(a_chunk("a", "stop"), a_usage_chunk()) + DONE
    call = a_stream_call(stream_options={"include_usage": True})
    assert passed_on(call, raw) == raw


def test_usage_goes_on_where_nobody_asked() -> None:
    # What the provider sends by itself is its own affair: bytes stay as they came.
    raw = sse(a_chunk("a", "stop"), a_usage_chunk()) + DONE
    assert passed_on(a_stream_call(), raw, provider=SILENT) == raw


@pytest.mark.parametrize(
    ("dialect", "operation", "reply", "usage"),
    [
        (OPENAI_CHAT, None, {"choices": [], "usage": {"prompt_tokens": 1}}, Usage(1)),
        (
            OPENAI_COMPLETIONS,
            COMPLETIONS,
            {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
            Usage(1, 2),
        ),
        (OPENAI_EMBEDDINGS, EMBEDDINGS, {"data": [], "usage": {"prompt_tokens": 3}}, Usage(3)),
    ],
)
def test_a_document_is_watched_for_its_usage(
    dialect: OpenAIDialect, operation: Any, reply: dict[str, Any], usage: Usage
) -> None:
    call = a_call(a_body(prompt="a", input="a"), operation) if operation else a_call()
    gauge = dialect.gauge(call, a_deployment())
    raw = orjson.dumps(reply)
    assert isinstance(gauge, WholeGauge)
    assert gauge.watch(raw) is raw
    assert gauge.usage == usage


def test_a_document_of_another_operation_is_no_answer() -> None:
    call = a_call(a_body(input="a"), EMBEDDINGS)
    gauge = OPENAI_EMBEDDINGS.gauge(call, a_deployment())
    with pytest.raises(UpstreamFailed, match="no answer"):
        gauge.watch(b'{"choices":[]}')


def test_a_stream_is_watched_as_a_stream() -> None:
    gauge = OPENAI_CHAT.gauge(a_stream_call(), a_deployment())
    assert isinstance(gauge, StreamGauge)
    gauge.watch(sse(a_chunk("a", "stop"), a_usage_chunk()))
    assert gauge.usage == KNOWN_USAGE


def test_a_prompt_is_estimated_at_four_bytes_a_token() -> None:
    call = a_stream_call()
    gauge = OPENAI_CHAT.gauge(call, a_deployment())
    gauge.watch(sse(a_chunk("a")))
    assert gauge.usage == Usage(len(call.raw) // 4, 1, estimated=True)


def test_a_providers_error_is_told_in_the_providers_name() -> None:
    error = OPENAI_CHAT.upstream_error(
        429, [(b"retry-after", b"7")], b'{"error":{"message":"slow"}}', a_deployment()
    )
    assert isinstance(error, Overloaded)
    assert (error.retry_after, error.message) == (7.0, "Acme is limiting the rate: slow")


def test_an_error_of_ours_is_told_in_openais_shape() -> None:
    error = StreamBroken("cut")
    body = OPENAI_CHAT.error(error)
    assert orjson.loads(body)["error"]["message"] == "cut"
    assert OPENAI_CHAT.error_events(error) == b"data: " + body + b"\n\n" + DONE
