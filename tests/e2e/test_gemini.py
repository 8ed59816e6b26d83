"""Google's own SDK against a gateway whose providers speak OpenAI's chat."""

from __future__ import annotations

import pytest
from google import genai
from google.genai import errors, types

from tests.e2e.gateway import KEY, Gateway
from tests.e2e.plain import ask


def client(gateway: Gateway, key: str = KEY) -> genai.Client:
    """The client of a program, pointed at the gateway and changed in nothing else."""
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=gateway.url))


def test_a_whole_answer(gateway: Gateway) -> None:
    with client(gateway) as google:
        said = google.models.generate_content(model="demo", contents="Hi there")
    assert said.text
    assert said.candidates
    assert said.candidates[0].finish_reason == types.FinishReason.STOP
    assert said.usage_metadata is not None
    assert said.usage_metadata.total_token_count


def test_a_streamed_answer(gateway: Gateway) -> None:
    with client(gateway) as google:
        found = google.models.generate_content_stream(model="demo", contents="Hi there")
        chunks = list(found)
    assert len(chunks) > 1
    assert "".join(chunk.text or "" for chunk in chunks)
    last = chunks[-1]
    assert last.candidates
    assert last.candidates[0].finish_reason == types.FinishReason.STOP
    assert last.usage_metadata is not None


def test_errors_are_googles(gateway: Gateway) -> None:
    with client(gateway) as google, pytest.raises(errors.ClientError) as found:
        google.models.generate_content(model="nobody-serves-this", contents="Hi")
    assert (found.value.code, found.value.status) == (404, "NOT_FOUND")
    with client(gateway, "sk-wrong") as google, pytest.raises(errors.ClientError) as refused:
        google.models.generate_content(model="demo", contents="Hi")
    assert (refused.value.code, refused.value.status) == (401, "UNAUTHENTICATED")


def test_the_key_may_stand_in_the_address_and_never_in_the_log(gateway: Gateway) -> None:
    path = f"/v1/models/demo:generateContent?key={KEY}"
    body = {"contents": [{"parts": [{"text": "Hi"}]}]}
    reply = ask(gateway, path, body, headers={"Authorization": ""})
    assert reply.status == 200
    assert all(KEY not in str(line) for line in gateway.lines)
