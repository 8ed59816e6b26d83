"""A receiver gets the spans in its own form."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from proxy.config.tracing import Receiver
from proxy.telemetry.tracing import tracer
from tests.fakes.ports import FakeClock
from tests.proxy.telemetry.calls import a_call

PROMPT = '[{"role":"user","content":"Hi"}]'
ANSWER = '{"role":"assistant","content":"Hello"}'


async def told(receiver: Receiver, **fields: object) -> dict[str, str]:
    """The text attributes of the call's span, as they are sent."""
    bodies: list[bytes] = []

    async def post(url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        bodies.append(body)
        return b""

    exporter = tracer(receiver, post, FakeClock())
    assert exporter.name == receiver.form
    exporter.put(a_call(prompt=PROMPT, answer=ANSWER, **fields))
    await exporter.close()
    assert exporter.counts.sent == 1
    owner = ExportTraceServiceRequest.FromString(bodies[0]).resource_spans[0]
    span = owner.scope_spans[0].spans[0]
    return {one.key: one.value.string_value for one in span.attributes}


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("langfuse", "langfuse.observation.type"),
        ("langsmith", "langsmith.span.kind"),
        ("otel", "gen_ai.input.messages"),
    ],
)
async def test_each_form_has_names_of_its_own(form: str, name: str) -> None:
    names = ("langfuse.observation.type", "langsmith.span.kind", "gen_ai.input.messages")
    found = await told(Receiver(form, "https://c", {}))
    assert [one for one in names if one in found] == [name]


async def test_a_collector_gets_messages_by_the_conventions() -> None:
    found = await told(Receiver("otel", "https://c", {}))
    assert orjson.loads(found["gen_ai.output.messages"])[0]["finish_reason"] == "stop"
    cut = await told(Receiver("otel", "https://c", {}), outcome="broken")
    assert orjson.loads(cut["gen_ai.output.messages"])[0]["finish_reason"] == "error"


async def test_nothing_said_is_told_where_that_is_not_wanted() -> None:
    found = await told(Receiver("otel", "https://c", {}, telling=False))
    assert not any("Hello" in value for value in found.values())


async def test_the_receivers_pace_is_kept() -> None:
    async def post(url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        return b""

    exporter = tracer(Receiver("otel", "https://c", {}, most=1), post, FakeClock(), failures=False)
    exporter.put(a_call(outcome="failed"))
    exporter.put(a_call(parent_span="00-" + "1" * 32 + "-" + "2" * 16 + "-00"))
    assert exporter.waiting == 1
    exporter.put(a_call())
    assert exporter.counts.dropped == 1
    await exporter.close()
