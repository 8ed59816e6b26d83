"""Amazon's recorded replies reach the official SDKs of OpenAI and Anthropic through a gateway."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cohere
import openai
import orjson
import pytest
from anthropic import Anthropic
from anthropic.types import MessageParam, ThinkingConfigParam
from openai.types.chat import ChatCompletionUserMessageParam

from tests.e2e.amazon import KEYS, REGION, STREAM, Amazon, Asked, amazon
from tests.e2e.configs import config, entry
from tests.e2e.gateway import KEY, Gateway, running
from tests.e2e.sdk import client
from tests.fakes.recordings import Recording, needs_fixtures
from tests.pipelines.dialects.bedrock.test_reader import (
    LINES,
    STREAMS,
    WHOLE,
    collected,
    frames_of,
    lines_of,
)
from tests.pipelines.dialects.test_eventstream import event

HELLO: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "Hi"}]
HI: list[MessageParam] = [{"role": "user", "content": "Hi"}]
# Without being asked, Anthropic's interface shows no thoughts.
THINK: ThinkingConfigParam = {"type": "enabled", "budget_tokens": 1024}
PROFILE = f"arn:aws:bedrock:{REGION}:123456789012:application-inference-profile/a1b2"
REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
}
TITAN = "amazon.titan-embed-text-v2:0"
RANKER = f"arn:aws:bedrock:{REGION}::foundation-model/amazon.rerank-v1:0"
RANKED = [{"index": 1, "relevance_score": 0.75}, {"index": 0, "relevance_score": 0.25}]
SAID = {"output": {"message": {"content": [{"text": "Hi"}]}}, "stopReason": "end_turn"}


def _streamed(recording: Recording) -> tuple[dict[str, Any], bytes]:
    if recording in LINES:
        frames = lines_of(recording)
        return collected(frames), b"".join(event(name, value) for name, value in frames)
    return collected(frames_of(recording.chunks)), recording.whole


def _complete(recording: Recording) -> bool:
    return "stopReason" in _streamed(recording)[0]


STREAMED = [one for one in (*STREAMS, *LINES) if _complete(one)]
every_stream = pytest.mark.parametrize("recording", STREAMED, ids=lambda one: one.name)
every_whole = pytest.mark.parametrize("recording", WHOLE, ids=lambda one: one.name)


@pytest.fixture(scope="module")
def bedrock() -> Iterator[Amazon]:
    """Amazon, as far as it was recorded."""
    with amazon() as server:
        for number, one in enumerate(STREAMED):
            server.replies[f"stream.{number}"] = (STREAM, _streamed(one)[1])
        for number, one in enumerate(WHOLE):
            server.replies[f"whole.{number}"] = ("application/json", one.whole)
        for name, said in (
            ("anthropic.claude-v2:1", SAID),
            (PROFILE, SAID),
            (TITAN, {"embedding": [0.5, -2.0], "inputTextTokenCount": 3}),
            (RANKER, {"results": RANKED}),
        ):
            server.replies[name] = ("application/json", orjson.dumps(said))
        yield server


@pytest.fixture(scope="module")
def gateway(bedrock: Amazon, folder: Path) -> Iterator[Gateway]:
    """A gateway that signs with an access key."""
    own = dict(
        zip(("aws_access_key_id", "aws_secret_access_key", "aws_session_token"), KEYS, strict=True)
    )
    there = {**own, "aws_bedrock_runtime_endpoint": bedrock.url, "aws_region_name": REGION}
    models = (
        entry("aws/*", "bedrock/*", **there),
        entry("converse", "bedrock/converse/anthropic.claude-v2:1", **there),
        entry("placed", f"bedrock/{REGION}/anthropic.claude-v2:1", **there),
        entry("profile", f"bedrock/converse/{PROFILE}", **there),
        entry("ranker", f"bedrock/{RANKER}", **there),
        entry("token", "bedrock/anthropic.claude-v2:1", bedrock.url),
    )
    with running(folder, config(*models, litellm_settings={"drop_params": True})) as found:
        yield found


@pytest.fixture(scope="module")
def sdk(gateway: Gateway) -> Iterator[openai.OpenAI]:
    """OpenAI's client."""
    with client(gateway) as made:
        yield made


@pytest.fixture(scope="module")
def claude(gateway: Gateway) -> Iterator[Anthropic]:
    """Anthropic's client."""
    with Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0) as made:
        yield made


def _content(held: dict[str, Any]) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = held["output"]["message"]["content"]
    return content


def _text(held: dict[str, Any]) -> str:
    words = [one.get("text", "") for one in _content(held)]
    cited = [one["citationsContent"]["content"] for one in _content(held) if _cites(one)]
    return "".join(words) + "".join(part["text"] for parts in cited for part in parts)


def _cites(block: dict[str, Any]) -> bool:
    return bool(block.get("citationsContent", {}).get("content"))


def _thinking(held: dict[str, Any]) -> str:
    blocks = [one.get("reasoningText") or one.get("reasoningContent") for one in _content(held)]
    said = [one.get("reasoningText", one) for one in blocks if one]
    return "".join(one.get("text", "") for one in said)


def _uses(held: dict[str, Any]) -> list[tuple[str, str, Any]]:
    uses = [one["toolUse"] for one in _content(held) if "toolUse" in one]
    return [
        (one["toolUseId"], one["name"], _loaded(one["input"]))
        for one in uses
        if one.get("type") != "server_tool_use"
    ]


def _loaded(given: Any) -> Any:
    return json.loads(given or "{}") if isinstance(given, str) else given


def _prompt_tokens(usage: dict[str, int]) -> int:
    names = ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
    return sum(usage.get(name, 0) for name in names)


@needs_fixtures()
@every_stream
def test_openais_sdk_streams_what_was_recorded(sdk: openai.OpenAI, recording: Recording) -> None:
    held = _streamed(recording)[0]
    with sdk.chat.completions.stream(
        model=f"aws/stream.{STREAMED.index(recording)}",
        messages=HELLO,
        stream_options={"include_usage": True},
    ) as stream:
        chunks = [one.chunk for one in stream if one.type == "chunk"]
        thoughts = [
            getattr(choice.delta, "reasoning_content", None) or ""
            for chunk in chunks
            for choice in chunk.choices
        ]
        final = stream.current_completion_snapshot
    assert "".join(thoughts) == _thinking(held)
    _same(final, held)


@needs_fixtures()
@every_whole
def test_openais_sdk_reads_what_was_recorded(sdk: openai.OpenAI, recording: Recording) -> None:
    model = f"aws/whole.{WHOLE.index(recording)}"
    _same(sdk.chat.completions.create(model=model, messages=HELLO), orjson.loads(recording.whole))


def _same(final: Any, held: dict[str, Any]) -> None:
    (choice,) = final.choices
    assert (choice.message.content or "") == _text(held)
    calls = [
        (one.id, one.function.name, _loaded(one.function.arguments))
        for one in choice.message.tool_calls or ()
    ]
    assert calls == _uses(held)
    assert choice.finish_reason == ("tool_calls" if calls else REASONS[held["stopReason"]])
    if "usage" in held:
        assert final.usage.prompt_tokens == _prompt_tokens(held["usage"])
        assert final.usage.completion_tokens == held["usage"]["outputTokens"]


@needs_fixtures()
@every_stream
def test_anthropics_sdk_streams_what_was_recorded(claude: Anthropic, recording: Recording) -> None:
    held = _streamed(recording)[0]
    model = f"aws/stream.{STREAMED.index(recording)}"
    with claude.messages.stream(
        model=model, max_tokens=2000, messages=HI, thinking=THINK
    ) as stream:
        final = stream.get_final_message()
    _alike(final, held)


@needs_fixtures()
@every_whole
def test_anthropics_sdk_reads_what_was_recorded(claude: Anthropic, recording: Recording) -> None:
    model = f"aws/whole.{WHOLE.index(recording)}"
    final = claude.messages.create(model=model, max_tokens=2000, messages=HI, thinking=THINK)
    _alike(final, orjson.loads(recording.whole))


def _alike(final: Any, held: dict[str, Any]) -> None:
    blocks = final.content
    assert "".join(one.text for one in blocks if one.type == "text") == _text(held)
    assert "".join(one.thinking for one in blocks if one.type == "thinking") == _thinking(held)
    calls = [(one.id, one.name, one.input) for one in blocks if one.type == "tool_use"]
    assert calls == _uses(held)
    if "usage" in held:
        assert final.usage.input_tokens == held["usage"]["inputTokens"]
        assert final.usage.output_tokens == held["usage"]["outputTokens"]
        assert (final.usage.cache_read_input_tokens or 0) == held["usage"].get(
            "cacheReadInputTokens", 0
        )


def _last(bedrock: Amazon, sdk: openai.OpenAI, model: str) -> Asked:
    reply = sdk.chat.completions.create(model=model, messages=HELLO, max_tokens=5)
    assert reply.choices[0].message.content == "Hi"
    return bedrock.asked[-1]


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("converse", "/model/anthropic.claude-v2:1/converse"),
        ("placed", "/model/anthropic.claude-v2:1/converse"),
        ("profile", f"/model/{PROFILE.replace('/', '%2F')}/converse"),
    ],
)
def test_the_bytes_that_arrive_are_signed_as_botocore_signs_them(
    bedrock: Amazon, sdk: openai.OpenAI, model: str, path: str
) -> None:
    asked = _last(bedrock, sdk, model)
    assert asked.path == path
    assert asked.headers["x-amz-security-token"] == KEYS[2]
    assert f"Credential={KEYS[0]}/" in asked.headers["authorization"]
    assert asked.signature == asked.signed_by_botocore()
    assert asked.json == {
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
        "inferenceConfig": {"maxTokens": 5},
    }


def test_a_bearer_token_goes_without_a_signature(bedrock: Amazon, sdk: openai.OpenAI) -> None:
    asked = _last(bedrock, sdk, "token")
    assert asked.headers["authorization"] == "Bearer sk-of-the-provider"
    assert "x-amz-date" not in asked.headers


def test_embeddings_are_asked_of_the_model_itself(bedrock: Amazon, sdk: openai.OpenAI) -> None:
    reply = sdk.embeddings.create(model=f"aws/{TITAN}", input="a", dimensions=256)
    assert reply.data[0].embedding == [0.5, -2.0]
    assert reply.usage.prompt_tokens == 3
    asked = bedrock.asked[-1]
    assert asked.path == f"/model/{TITAN}/invoke"
    assert asked.json == {"inputText": "a", "dimensions": 256}
    assert asked.signature == asked.signed_by_botocore()


def test_rankings_are_asked_of_the_model_itself(bedrock: Amazon, gateway: Gateway) -> None:
    with cohere.ClientV2(api_key=KEY, base_url=gateway.url) as ranker:
        reply = ranker.rerank(model="ranker", query="q", documents=["a", "b"], top_n=2)
    assert [(one.index, one.relevance_score) for one in reply.results] == [(1, 0.75), (0, 0.25)]
    asked = bedrock.asked[-1]
    assert asked.path == f"/model/{RANKER.replace('/', '%2F')}/invoke"
    assert asked.json == {"query": "q", "documents": ["a", "b"], "top_n": 2}
    assert asked.signature == asked.signed_by_botocore()
