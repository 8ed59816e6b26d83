"""The dialects of embeddings that only providers speak."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.dialects.base import Dialect
from pipelines.dialects.embeddings.cohere import COHERE_EMBEDDINGS
from pipelines.dialects.embeddings.gemini import GEMINI_EMBEDDINGS
from pipelines.dialects.embeddings.ollama import OLLAMA_EMBED
from pipelines.dialects.embeddings.voyage import JINA_EMBEDDINGS, VOYAGE_EMBEDDINGS
from pipelines.dialects.losses import Losses
from pipelines.errors import Unsupported, UpstreamFailed
from pipelines.usage import Usage
from tests.builders import a_call, a_deployment
from tests.fakes.recordings import Recording, needs_fixtures, recordings
from tests.pipelines.dialects.embeddings.translating import answered, called, rendered

PICTURE = "data:image/png;base64,AAAA"
QUERY = {"input_type": "query", "dimensions": 8}
ALL = (
    COHERE_EMBEDDINGS,
    GEMINI_EMBEDDINGS,
    OLLAMA_EMBED,
    VOYAGE_EMBEDDINGS,
    JINA_EMBEDDINGS,
)


@pytest.mark.parametrize(
    ("dialect", "fields", "body"),
    [
        (
            COHERE_EMBEDDINGS,
            {**QUERY, "truncate": "END"},
            {
                "model": "m",
                "texts": ["a"],
                "input_type": "search_query",
                "embedding_types": ["float"],
                "output_dimension": 8,
                "truncate": "END",
            },
        ),
        (
            GEMINI_EMBEDDINGS,
            QUERY,
            {
                "requests": [
                    {
                        "model": "models/m",
                        "content": {"parts": [{"text": "a"}]},
                        "taskType": "RETRIEVAL_QUERY",
                        "outputDimensionality": 8,
                    }
                ]
            },
        ),
        (
            OLLAMA_EMBED,
            {"dimensions": 8, "keep_alive": "5m"},
            {"model": "m", "input": ["a"], "dimensions": 8, "keep_alive": "5m"},
        ),
        (
            VOYAGE_EMBEDDINGS,
            {**QUERY, "truncation": False},
            {
                "model": "m",
                "input": ["a"],
                "input_type": "query",
                "output_dimension": 8,
                "truncation": False,
            },
        ),
        (
            JINA_EMBEDDINGS,
            {**QUERY, "late_chunking": True},
            {
                "model": "m",
                "input": ["a"],
                "task": "retrieval.query",
                "dimensions": 8,
                "late_chunking": True,
            },
        ),
    ],
)
def test_a_call_is_said_in_the_providers_words(
    dialect: Dialect, fields: dict[str, Any], body: dict[str, Any]
) -> None:
    losses = Losses("Acme", strict=True)
    assert rendered(dialect, called("a", **fields), losses, model="m") == body


def test_cohere_is_told_that_it_is_a_document_where_nobody_said_and_the_client_is_told_so() -> None:
    losses = Losses("Acme")
    assert rendered(COHERE_EMBEDDINGS, called("a"), losses)["input_type"] == "search_document"
    assert losses.told == ["emulated:input_type"]


def test_the_operator_may_set_the_purpose() -> None:
    defaults = {"input_type": "search_query"}
    losses = Losses("Acme", strict=True)
    body = rendered(COHERE_EMBEDDINGS, called("a"), losses, defaults=defaults)
    assert body["input_type"] == "search_query"


def test_cohere_takes_pictures_beside_words() -> None:
    body = rendered(COHERE_EMBEDDINGS, called("a", PICTURE))
    assert body["inputs"] == [
        {"content": [{"type": "text", "text": "a"}]},
        {"content": [{"type": "image_url", "image_url": {"url": PICTURE}}]},
    ]
    assert "texts" not in body


def test_gemini_and_jina_take_pictures_beside_words() -> None:
    gemini = rendered(GEMINI_EMBEDDINGS, called("a", PICTURE))
    assert gemini["requests"][1]["content"] == {
        "parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]
    }
    jina = rendered(JINA_EMBEDDINGS, called("a", PICTURE))
    assert jina["input"] == [{"text": "a"}, {"image": "AAAA"}]


@pytest.mark.parametrize("dialect", [OLLAMA_EMBED, VOYAGE_EMBEDDINGS])
def test_a_picture_is_refused_by_those_who_take_none(dialect: Dialect) -> None:
    with pytest.raises(Unsupported, match="Acme does not support images"):
        rendered(dialect, called(PICTURE))


def test_a_pictures_address_is_refused_by_gemini() -> None:
    with pytest.raises(Unsupported, match="images by address"):
        rendered(GEMINI_EMBEDDINGS, called({"image": "https://a.example/b.png"}))


@pytest.mark.parametrize("dialect", ALL, ids=lambda one: one.name)
@pytest.mark.parametrize("inputs", [([1, 2],), (PICTURE, [1, 2])])
def test_lists_of_tokens_are_refused(dialect: Dialect, inputs: tuple[Any, ...]) -> None:
    with pytest.raises(Unsupported):
        rendered(dialect, called(*inputs))


@pytest.mark.parametrize(
    "dialect", [COHERE_EMBEDDINGS, GEMINI_EMBEDDINGS, VOYAGE_EMBEDDINGS, JINA_EMBEDDINGS]
)
def test_a_purpose_without_a_word_is_refused(dialect: Dialect) -> None:
    with pytest.raises(Unsupported, match="poetry"):
        rendered(dialect, called("a", input_type="poetry"))


@pytest.mark.parametrize("dialect", ALL, ids=lambda one: one.name)
def test_what_a_provider_does_not_know_is_told_as_lost(dialect: Dialect) -> None:
    losses = Losses("Acme")
    body = rendered(dialect, called("a", user="u", input_type="query", odd=1), losses)
    assert {"dropped:user", "dropped:odd"} <= set(losses.told)
    assert b"odd" not in orjson.dumps(body)


@pytest.mark.parametrize(
    ("dialect", "reply", "usage"),
    [
        (
            COHERE_EMBEDDINGS,
            {
                "embeddings": {"float": [[1, 2], [3, 4]]},
                "meta": {"billed_units": {"input_tokens": 4}},
            },
            Usage(4),
        ),
        (COHERE_EMBEDDINGS, {"embeddings": [[1, 2], [3, 4]]}, None),
        (GEMINI_EMBEDDINGS, {"embeddings": [{"values": [1, 2]}, {"values": [3, 4]}]}, None),
        (
            GEMINI_EMBEDDINGS,
            {
                "embeddings": [{"values": [1, 2]}, {"values": [3, 4]}],
                "usageMetadata": {"promptTokenCount": 5},
            },
            Usage(5),
        ),
        (
            OLLAMA_EMBED,
            {"embeddings": [[1, 2], [3, 4]], "prompt_eval_count": 6},
            Usage(6),
        ),
        (
            VOYAGE_EMBEDDINGS,
            {
                "data": [{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1, 2]}],
                "usage": {"total_tokens": 7},
            },
            Usage(7),
        ),
        (
            JINA_EMBEDDINGS,
            {"data": [{"embedding": [1, 2]}, {"embedding": [3, 4]}], "usage": {"total_tokens": 8}},
            Usage(8),
        ),
    ],
)
def test_a_reply_is_told_in_openais_words(
    dialect: Dialect, reply: dict[str, Any], usage: Usage | None
) -> None:
    document, bridge = answered(dialect, called("a", "b"), orjson.dumps(reply))
    assert [one["embedding"] for one in document["data"]] == [[1, 2], [3, 4]]
    assert bridge.usage == (usage or Usage(7, estimated=True))


@pytest.mark.parametrize("dialect", ALL, ids=lambda one: one.name)
@pytest.mark.parametrize("reply", [b"{}", b'{"error":"no"}', b'{"embeddings":5,"data":5}'])
def test_what_is_no_answer_is_the_providers_failure(dialect: Dialect, reply: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        answered(dialect, called("a"), reply)


def test_nobody_calls_in_a_dialect_of_providers() -> None:
    for action in (
        lambda: COHERE_EMBEDDINGS.forward(a_call(), a_deployment()),
        lambda: COHERE_EMBEDDINGS.gauge(a_call(), a_deployment()),
        lambda: COHERE_EMBEDDINGS.parse(a_call()),
        lambda: COHERE_EMBEDDINGS.writer(a_call(), "1"),
    ):
        with pytest.raises(Unsupported, match="cohere-embeddings does not support calls"):
            action()


RECORDED = [
    (dialect, one)
    for one in recordings()
    for dialect in ALL
    if one.endpoint == "embeddings"
    and one.status == 200
    and dialect.name == f"{one.provider}-embeddings"
]


@needs_fixtures()
@pytest.mark.parametrize(("dialect", "recording"), RECORDED, ids=lambda one: one.name)
def test_a_recorded_reply_gives_every_number(dialect: Dialect, recording: Recording) -> None:
    said = orjson.loads(recording.whole)
    inputs = called("a", encoding_format="base64" if b'"embedding":"' in recording.whole else None)
    document, _ = answered(dialect, inputs, recording.whole)
    found = said.get("embeddings", said.get("data"))
    rows = found["float"] if isinstance(found, dict) else found
    assert [one["embedding"] for one in document["data"]] == [
        row if isinstance(row, list) else row.get("values", row.get("embedding")) for row in rows
    ]


@needs_fixtures()
def test_there_are_recordings_of_three_providers() -> None:
    assert {one.provider for _, one in RECORDED} == {"cohere", "gemini", "voyage"}


@needs_fixtures()
@pytest.mark.parametrize(("dialect", "recording"), RECORDED, ids=lambda one: one.name)
def test_a_recorded_request_is_what_we_would_send(dialect: Dialect, recording: Recording) -> None:
    asked = recording.request
    if asked is None:
        return
    one = (asked.get("requests") or [asked])[0]
    fields = {
        "input_type": one.get("input_type") or one.get("taskType"),
        "dimensions": one.get("outputDimensionality"),
        "truncate": one.get("truncate"),
        "truncation": one.get("truncation"),
    }
    given = {key: value for key, value in fields.items() if value is not None}
    model = one["model"].removeprefix("models/")
    body = rendered(dialect, called("Hello, world!", **given), model=model)
    # We leave out what is null, and ask for floats.
    expected = {key: value for key, value in asked.items() if value is not None}
    expected.pop("encoding_format", None)
    assert body == expected
