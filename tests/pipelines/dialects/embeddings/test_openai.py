"""OpenAI's embeddings: a client's call into the hub, and the reply in the form it asked for."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.dialects.losses import Losses
from pipelines.dialects.openai_dialects import OPENAI_EMBEDDINGS
from pipelines.errors import BadCall, Overloaded, Unsupported, UpstreamFailed
from pipelines.operations import EMBEDDINGS
from pipelines.prompt import Image
from pipelines.usage import Usage
from pipelines.vectors import packed
from tests.builders import a_call
from tests.fakes.recordings import Recording, needs_fixtures, recordings
from tests.pipelines.dialects.embeddings.translating import answered, called, rendered

PICTURE = "data:image/png;base64,AAAA"


def parsed(value: Any) -> list[Any]:
    call = a_call(orjson.dumps({"model": "gpt", "input": value}), EMBEDDINGS)
    found: list[Any] = OPENAI_EMBEDDINGS.parse(call).inputs
    return found


@pytest.mark.parametrize(
    ("value", "inputs"),
    [
        ("a", ["a"]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [[1, 2]]),
        ([[1], [2, 3]], [[1], [2, 3]]),
        ([{"text": "a"}], ["a"]),
        ([PICTURE], [Image(data="AAAA", mime="image/png")]),
        ([{"image": "https://a.example/b.png"}], [Image(url="https://a.example/b.png")]),
        ([{"image_url": {"url": PICTURE}}], [Image(data="AAAA", mime="image/png")]),
    ],
)
def test_every_form_of_input_is_understood(value: Any, inputs: list[Any]) -> None:
    assert parsed(value) == inputs


@pytest.mark.parametrize("value", [[], 5, [None], [[]], [["a"]], [{"sound": "a"}]])
def test_an_input_that_is_not_understood_is_a_bad_call(value: Any) -> None:
    with pytest.raises(BadCall, match="input"):
        parsed(value)


@pytest.mark.parametrize("fields", [{"dimensions": "9"}, {"encoding_format": "int8"}])
def test_a_field_of_the_wrong_kind_is_a_bad_call(fields: dict[str, Any]) -> None:
    with pytest.raises(BadCall, match=next(iter(fields))):
        OPENAI_EMBEDDINGS.parse(called("a", **fields))


@pytest.mark.parametrize(
    ("fields", "purpose"),
    [
        ({}, None),
        ({"input_type": "search_query"}, "query"),
        ({"task_type": "RETRIEVAL_DOCUMENT"}, "document"),
        ({"task": "separation"}, "clustering"),
        ({"input_type": "passage"}, "document"),
    ],
)
def test_a_purpose_is_understood_in_any_providers_words(
    fields: dict[str, Any], purpose: str | None
) -> None:
    assert OPENAI_EMBEDDINGS.parse(called("a", **fields)).purpose == purpose


def test_a_call_goes_out_again_as_it_was_meant() -> None:
    call = called("a", [1, 2], dimensions=8, user="u", extra=1)
    assert rendered(OPENAI_EMBEDDINGS, call, model="m") == {
        "model": "m",
        "input": ["a", [1, 2]],
        "dimensions": 8,
        "user": "u",
        "extra": 1,
    }


def test_a_picture_is_a_feature_that_openai_lacks() -> None:
    with pytest.raises(Unsupported, match="images"):
        rendered(OPENAI_EMBEDDINGS, called(PICTURE), Losses("Acme", drop_params=True))


REPLY = orjson.dumps(
    {
        "data": [
            {"index": 1, "embedding": [0.5, 1]},
            {"index": 0, "embedding": packed([0.25, -2.0])},
        ],
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    }
)


def test_floats_come_in_the_order_of_the_inputs() -> None:
    document, bridge = answered(OPENAI_EMBEDDINGS, called("a", "b"), REPLY)
    assert document == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.25, -2.0]},
            {"object": "embedding", "index": 1, "embedding": [0.5, 1]},
        ],
        "model": "gpt",
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    }
    assert bridge.usage == Usage(3)


def test_base64_comes_where_the_client_asked_for_it() -> None:
    document, _ = answered(OPENAI_EMBEDDINGS, called("a", encoding_format="base64"), REPLY)
    assert [one["embedding"] for one in document["data"]] == [packed([0.25, -2]), packed([0.5, 1])]


def test_usage_that_nobody_told_is_estimated() -> None:
    call = called("a" * 400)
    document, bridge = answered(OPENAI_EMBEDDINGS, call, b'{"data":[{"embedding":[1]}]}')
    assert document["usage"]["prompt_tokens"] == len(call.raw) // 4
    assert bridge.usage.estimated


@pytest.mark.parametrize("entry", [{}, {"embedding": 1}, 7, {"embedding": "!"}])
def test_an_entry_that_is_no_vector_is_the_providers_failure(entry: Any) -> None:
    with pytest.raises(UpstreamFailed):
        answered(OPENAI_EMBEDDINGS, called("a"), orjson.dumps({"data": [entry]}))


def test_an_error_under_status_200_is_an_error() -> None:
    with pytest.raises(Overloaded, match="slow"):
        answered(OPENAI_EMBEDDINGS, called("a"), b'{"error":{"message":"slow","code":429}}')


RECORDED = [
    one
    for one in recordings()
    if one.endpoint == "embeddings"
    and one.status == 200
    and one.provider in ("openai", "openrouter", "mistral", "azure_ai", "voyage")
]


@needs_fixtures()
@pytest.mark.parametrize("recording", RECORDED, ids=lambda one: one.name)
def test_a_recorded_reply_is_told_in_full_in_both_forms(recording: Recording) -> None:
    said = orjson.loads(recording.whole)
    floats, _ = answered(OPENAI_EMBEDDINGS, called("a"), recording.whole)
    coded, _ = answered(OPENAI_EMBEDDINGS, called("a", encoding_format="base64"), recording.whole)
    assert floats["usage"]["total_tokens"] == said["usage"]["total_tokens"]
    for one, other, source in zip(floats["data"], coded["data"], said["data"], strict=True):
        assert packed(one["embedding"]) == other["embedding"]
        assert source["embedding"] in (one["embedding"], other["embedding"])
