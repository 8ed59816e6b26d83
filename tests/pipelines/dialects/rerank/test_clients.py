"""Rankings: the clients' shape, what each provider is asked, and what its reply becomes."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.call import Call
from pipelines.dialects.base import Dialect
from pipelines.dialects.bridge import Bridge
from pipelines.dialects.losses import Losses
from pipelines.dialects.rerank.clients import RERANK
from pipelines.dialects.rerank.providers import COHERE_RERANK, VOYAGE_RERANK
from pipelines.errors import BadCall, Unsupported, UpstreamFailed
from pipelines.operations import RERANK as OPERATION
from pipelines.usage import Usage
from tests.builders import a_call, a_deployment
from tests.fakes.recordings import Recording, needs_fixtures, recordings

DOCUMENTS = ["red", {"text": "blue"}]


def ranked(**fields: Any) -> Call:
    body = {"model": "r", "query": "q", "documents": DOCUMENTS, **fields}
    return a_call(orjson.dumps(body), OPERATION)


def rendered(dialect: Dialect, call: Call, losses: Losses | None = None) -> dict[str, Any]:
    losses = losses or Losses("Acme", strict=True)
    return dialect.render(RERANK.parse(call), a_deployment(model="m"), losses)


def answered(dialect: Dialect, call: Call, reply: bytes) -> tuple[dict[str, Any], Bridge]:
    bridge = Bridge("Acme", dialect.interpreter("Acme"), None, RERANK.writer(call, "1"), 7)
    raw = bridge.watch(reply) + bridge.close()
    return orjson.loads(raw), bridge


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (RERANK, {"documents": DOCUMENTS, "top_n": 1, "return_documents": True}),
        (COHERE_RERANK, {"documents": ["red", "blue"], "top_n": 1}),
        (VOYAGE_RERANK, {"documents": ["red", "blue"], "top_k": 1}),
    ],
)
def test_a_call_is_said_in_the_providers_words(dialect: Dialect, body: dict[str, Any]) -> None:
    call = ranked(top_n=1, return_documents=True)
    assert rendered(dialect, call) == {"model": "m", "query": "q", **body}


def test_what_a_provider_knows_goes_along_and_the_rest_is_told() -> None:
    losses = Losses("Acme")
    call = ranked(max_tokens_per_doc=9, truncation=True, rank_fields=["a"])
    assert rendered(COHERE_RERANK, call, losses)["max_tokens_per_doc"] == 9
    assert losses.told == ["dropped:truncation", "dropped:rank_fields"]
    assert rendered(VOYAGE_RERANK, call, Losses("Acme"))["truncation"] is True
    assert rendered(RERANK, call)["rank_fields"] == ["a"]


def test_a_document_without_text_is_a_feature_that_others_lack() -> None:
    with pytest.raises(Unsupported, match="documents that are no text"):
        rendered(COHERE_RERANK, ranked(documents=[{"image": "a"}]))


def test_what_a_document_says_beside_its_text_is_told_as_lost() -> None:
    losses = Losses("Acme")
    call = ranked(documents=[{"text": "a", "year": 1}])
    assert rendered(VOYAGE_RERANK, call, losses)["documents"] == ["a"]
    assert losses.told == ["dropped:fields of documents beside text"]


@pytest.mark.parametrize(
    "fields", [{"query": 1}, {"documents": []}, {"documents": [1]}, {"top_n": "1"}]
)
def test_a_field_of_the_wrong_kind_is_a_bad_call(fields: dict[str, Any]) -> None:
    with pytest.raises(BadCall, match=next(iter(fields))):
        RERANK.parse(ranked(**fields))


RESULTS = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]
COHERE_REPLY = {"id": "c1", "results": RESULTS, "meta": {"billed_units": {"search_units": 2}}}
VOYAGE_REPLY = {"object": "list", "data": RESULTS, "usage": {"total_tokens": 5}}


def test_cohere_tells_its_search_units() -> None:
    document, bridge = answered(COHERE_RERANK, ranked(), orjson.dumps(COHERE_REPLY))
    assert document == {
        "id": "c1",
        "model": "r",
        "results": RESULTS,
        "meta": {"billed_units": {"search_units": 2}},
    }
    assert bridge.usage == Usage(7, estimated=True)


def test_voyages_data_become_results() -> None:
    document, bridge = answered(VOYAGE_RERANK, ranked(), orjson.dumps(VOYAGE_REPLY))
    assert document["results"] == RESULTS
    assert document["id"] == "rerank-1"
    assert document["meta"] == {"tokens": {"input_tokens": 5}}
    assert bridge.usage == Usage(5)


@pytest.mark.parametrize(
    ("dialect", "reply"), [(COHERE_RERANK, COHERE_REPLY), (VOYAGE_RERANK, VOYAGE_REPLY)]
)
def test_the_documents_come_back_where_they_were_asked_for(
    dialect: Dialect, reply: dict[str, Any]
) -> None:
    document, _ = answered(dialect, ranked(return_documents=True), orjson.dumps(reply))
    assert [one["document"] for one in document["results"]] == [{"text": "blue"}, {"text": "red"}]


@pytest.mark.parametrize(
    "reply", [{}, {"results": [{}]}, {"results": [7]}, {"results": [{"index": 0}]}]
)
def test_what_is_no_ranking_is_the_providers_failure(reply: dict[str, Any]) -> None:
    with pytest.raises(UpstreamFailed):
        answered(COHERE_RERANK, ranked(), orjson.dumps(reply))


def test_between_two_who_speak_the_same_bytes_pass() -> None:
    call = ranked(return_documents=True)
    assert RERANK.forward(call, a_deployment(model="r")) is call.raw
    gauge = RERANK.gauge(call, a_deployment())
    raw = orjson.dumps({"results": RESULTS, "usage": {"total_tokens": 17}})
    assert gauge.watch(raw) is raw
    assert gauge.close() == b""
    assert gauge.usage == Usage(17)


def test_a_ranking_without_usage_is_estimated() -> None:
    call = ranked()
    gauge = RERANK.gauge(call, a_deployment())
    gauge.watch(orjson.dumps({"results": RESULTS}))
    assert gauge.usage == Usage(len(call.raw) // 4, estimated=True)


def test_an_error_is_read_by_coheres_clients_and_by_openais() -> None:
    body = orjson.loads(RERANK.error(BadCall("No.", "query")))
    assert body["message"] == body["error"]["message"] == "No."
    assert RERANK.error_events(BadCall("No.")) == b""


BY_PROVIDER = {"cohere": COHERE_RERANK, "voyage": VOYAGE_RERANK}
RECORDED = [one for one in recordings() if one.endpoint == "rerank" and one.status == 200]


@needs_fixtures()
@pytest.mark.parametrize("recording", RECORDED, ids=lambda one: one.name)
def test_a_recorded_ranking_keeps_its_order_and_its_scores(recording: Recording) -> None:
    dialect = BY_PROVIDER.get(recording.provider, RERANK)
    document, _ = answered(dialect, ranked(), recording.whole)
    said = orjson.loads(recording.whole)
    found = said.get("results", said.get("data"))
    assert [(one["index"], one["relevance_score"]) for one in document["results"]] == [
        (one["index"], one["relevance_score"]) for one in found
    ]
    if "usage" in said:
        assert document["usage"]["total_tokens"] == said["usage"]["total_tokens"]


@needs_fixtures()
@pytest.mark.parametrize("recording", RECORDED, ids=lambda one: one.name)
def test_a_recorded_request_is_what_we_would_send(recording: Recording) -> None:
    asked = recording.request
    if asked is None:
        return
    fields = {"top_n" if key == "top_k" else key: value for key, value in asked.items()}
    call = a_call(orjson.dumps(fields), OPERATION)
    dialect = BY_PROVIDER.get(recording.provider, RERANK)
    deployment = a_deployment(model=asked["model"])
    assert dialect.render(RERANK.parse(call), deployment, Losses("Acme", strict=True)) == asked
