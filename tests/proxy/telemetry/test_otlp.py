"""Batches reach whoever takes OTLP, and what he says of them is understood."""

from __future__ import annotations

import gzip
from collections.abc import Mapping

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from pipelines.errors import Denied, Overloaded, Rejected, UpstreamError, UpstreamFailed
from proxy.config.tracing import Receiver
from proxy.telemetry.otlp import Otlp
from proxy.telemetry.spans import spans_of
from tests.proxy.telemetry.calls import a_call

RECEIVER = Receiver(
    "otel", "https://c/v1/traces", {"api-key": "k"}, "gate", {"deployment.environment.name": "lab"}
)


class Post:
    """Takes what is sent, and answers or fails as it was told to."""

    def __init__(self, answer: bytes | UpstreamError = b"") -> None:
        self.answer = answer
        self.sent: list[tuple[str, bytes, Mapping[str, str]]] = []

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        self.sent.append((url, body, headers))
        if isinstance(self.answer, UpstreamError):
            raise self.answer
        return self.answer


async def test_all_spans_of_a_batch_go_in_one_request() -> None:
    post = Post()
    records = [a_call(serial=f"{n:032x}") for n in range(1, 41)]
    assert await Otlp(RECEIVER, spans_of, post)(records) == 0
    ((url, body, headers),) = post.sent
    assert url == "https://c/v1/traces"
    assert headers == {"Content-Type": "application/x-protobuf", "api-key": "k"}
    (owner,) = ExportTraceServiceRequest.FromString(body).resource_spans
    resource = {one.key: one.value.string_value for one in owner.resource.attributes}
    assert resource["service.name"] == "gate"
    assert resource["deployment.environment.name"] == "lab"
    assert resource["service.version"]
    assert len(owner.scope_spans[0].spans) == 120


async def test_a_body_is_compressed_where_that_is_asked_for() -> None:
    post = Post()
    receiver = Receiver("otel", "https://c", {}, compress=True)
    await Otlp(receiver, spans_of, post)([a_call()])
    ((_, body, headers),) = post.sent
    assert headers["Content-Encoding"] == "gzip"
    assert ExportTraceServiceRequest.FromString(gzip.decompress(body)).resource_spans


async def test_what_is_not_accepted_is_counted() -> None:
    partial = ExportTracePartialSuccess(rejected_spans=2)
    post = Post(ExportTraceServiceResponse(partial_success=partial).SerializeToString())
    assert await Otlp(RECEIVER, spans_of, post)([a_call(), a_call(), a_call()]) == 2
    assert await Otlp(RECEIVER, spans_of, post)([a_call()]) == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (UpstreamFailed("502", 502), UpstreamFailed),
        (UpstreamFailed("504", 504), UpstreamFailed),
        (UpstreamFailed("500", 500), Rejected),
        (Overloaded("429"), Overloaded),
        (Denied("401"), Denied),
    ],
)
async def test_only_what_otlp_allows_is_tried_again(
    fault: UpstreamError, kind: type[UpstreamError]
) -> None:
    with pytest.raises(kind):
        await Otlp(RECEIVER, spans_of, Post(fault))([a_call()])
