"""Google's own SDK against a gateway whose providers speak OpenAI's chat."""

from __future__ import annotations

from typing import Any

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


def weather(city: str) -> types.FunctionDeclaration:
    """A tool whose one argument is a city."""
    schema = {"type": "object", "properties": {city: {"type": "string"}}, "required": [city]}
    return types.FunctionDeclaration(
        name="get_weather", description="Tells the weather.", parameters_json_schema=schema
    )


@pytest.mark.parametrize("streamed", [False, True])
def test_tools_are_called_with_whole_arguments(gateway: Gateway, streamed: bool) -> None:
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[weather("city")])],
        tool_config=types.ToolConfig(
            function_calling_config=types.FunctionCallingConfig(
                mode=types.FunctionCallingConfigMode.ANY, allowed_function_names=["get_weather"]
            )
        ),
    )
    with client(gateway) as google:
        asked: dict[str, Any] = {"model": "demo", "contents": "Weather in Paris?", "config": config}
        replies = (
            list(google.models.generate_content_stream(**asked))
            if streamed
            else [google.models.generate_content(**asked)]
        )
    calls = [call for reply in replies for call in reply.function_calls or ()]
    assert [call.name for call in calls] == ["get_weather"]
    assert calls[0].args
    assert "city" in calls[0].args


def test_tokens_are_counted_and_told_to_be_an_estimate(gateway: Gateway) -> None:
    with client(gateway) as google:
        found = google.models.count_tokens(model="demo", contents="The quick brown fox jumps.")
    assert 5 <= (found.total_tokens or 0) <= 20
    body = {"contents": [{"parts": [{"text": "Hi"}]}]}
    reply = ask(gateway, "/v1beta/models/demo:countTokens", body)
    assert reply.headers["x-headgate-lossy"] == "emulated:countTokens"
    strict = {"x-headgate-strict": "true"}
    assert ask(gateway, "/v1beta/models/demo:countTokens", body, headers=strict).status == 400


def test_models_are_listed_and_told_one_by_one(gateway: Gateway) -> None:
    with client(gateway) as google:
        names = [one.name for one in google.models.list()]
        one = google.models.get(model="demo")
        with pytest.raises(errors.ClientError) as found:
            google.models.get(model="nobody-serves-this")
    assert "models/demo" in names
    assert one.name == "models/demo"
    assert found.value.status == "NOT_FOUND"


def test_vectors_come_for_every_content(gateway: Gateway) -> None:
    with client(gateway) as google:
        found = google.models.embed_content(model="demo", contents=["one", "two"])
    assert found.embeddings
    assert len(found.embeddings) == 2
    assert all(one.values for one in found.embeddings)
    single = {"content": {"parts": [{"text": "one"}]}}
    reply = ask(gateway, "/v1beta/models/demo:embedContent", single)
    assert reply.json["embedding"]["values"] == found.embeddings[0].values


def test_without_events_a_stream_is_one_array(gateway: Gateway) -> None:
    body = {"contents": [{"parts": [{"text": "Hi there"}]}]}
    reply = ask(gateway, "/v1beta/models/demo:streamGenerateContent", body)
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    chunks = reply.json
    assert isinstance(chunks, list)
    assert len(chunks) > 1
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
    refused = ask(gateway, "/v1beta/models/nobody:streamGenerateContent", body)
    assert (refused.status, refused.json[0]["error"]["status"]) == (404, "NOT_FOUND")


def test_vertex_clients_are_served_below_their_own_addresses(gateway: Gateway) -> None:
    path = "/v1beta1/projects/p/locations/global/publishers/google/models/demo:generateContent"
    body = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    reply = ask(gateway, path, body)
    assert reply.status == 200
    assert reply.json["candidates"]
