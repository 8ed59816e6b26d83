"""Converse is a dialect of providers only, with errors of its own."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.assembly import StageSpec, assemble
from pipelines.dialects.bedrock.dialect import BEDROCK_CONVERSE
from pipelines.dialects.eventstream import EventStreamFrames
from pipelines.errors import Denied, Rejected, Unsupported, UpstreamError, UpstreamFailed
from pipelines.events import Data, Media
from pipelines.providers.load import load_catalog
from pipelines.registry import DEFAULT_STAGES
from pipelines.routing.routes import Routes
from tests.builders import a_call, a_deployment, a_stream_call, an_exchange, taken
from tests.fakes.ports import FakeReply, FakeTransport, fake_ports
from tests.pipelines.dialects.test_eventstream import event


def told(status: int, message: str) -> UpstreamError:
    """What an error reply means."""
    body = f'{{"message":"{message}"}}'.encode()
    return BEDROCK_CONVERSE.upstream_error(status, [], body, a_deployment())


def test_no_client_speaks_it() -> None:
    with pytest.raises(Unsupported):
        BEDROCK_CONVERSE.parse(a_call())
    assert isinstance(BEDROCK_CONVERSE.frames(Media.AWS), EventStreamFrames)


def test_its_errors_are_understood() -> None:
    assert isinstance(told(403, "The security token included is invalid."), Denied)
    assert isinstance(told(424, "The model failed."), UpstreamFailed)
    unknown = told(400, "The provided model identifier is invalid.")
    assert isinstance(unknown, Rejected)
    assert (unknown.code, unknown.elsewhere) == ("model_not_found", True)
    assert told(400, "Input is too long for requested model.").code == "context_length_exceeded"


def test_a_stream_goes_through_the_chain_to_a_client_of_openai() -> None:
    provider = load_catalog()["bedrock"]
    deployment = a_deployment(
        group="public",
        model="us.anthropic.claude-v1:0",
        provider=provider,
        base_url="https://bedrock-runtime.eu-west-1.amazonaws.com",
    )
    reply = [
        event("messageStart", {"role": "assistant"})
        + event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi"}}),
        event("messageStop", {"stopReason": "end_turn"})
        + event("metadata", {"usage": {"inputTokens": 3, "outputTokens": 1, "totalTokens": 4}}),
    ]
    media = "application/vnd.amazon.eventstream"
    transport = FakeTransport(FakeReply(reply, headers=[(b"content-type", media.encode())]))
    specs = [StageSpec(name) for name in DEFAULT_STAGES]
    chain = assemble(specs, fake_ports(transport, Routes([deployment])))

    async def run() -> bytes:
        async with chain.run(an_exchange(a_stream_call("public"))) as flow:
            events = await taken(flow)
        return b"".join(one.raw for one in events if isinstance(one, Data))

    said = asyncio.run(run())
    (request,) = transport.requests
    path = "/model/us.anthropic.claude-v1:0/converse-stream"
    assert request.url == f"https://bedrock-runtime.eu-west-1.amazonaws.com{path}"
    assert b'"content":"Hi"' in said
    assert said.endswith(b"data: [DONE]\n\n")
