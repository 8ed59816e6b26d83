"""A streamed tool call with retries is told to OTLP, Langfuse and LangSmith as each reads it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pipelines.traces import trace_id_of
from proxy.telemetry.otlp_wire import SERVER
from tests.e2e.configs import config, entry
from tests.e2e.gateway import Gateway, running, soon
from tests.e2e.plain import ask
from tests.e2e.provider import Provider
from tests.fakes.otlp import Collector, Seen, collecting

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SECRET = "the marked prompt"
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
METADATA = {
    "trace_id": "checkout 7",
    "session_id": "session-7",
    "trace_name": "Checkout",
    "generation_name": "pick a tool",
    "trace_user_id": "carol",
    "tags": ["blue"],
    "run_name": "pick",
    "project_name": "shop",
}
FORMS = ("otel", "langfuse", "langsmith")


class Told:
    """The three receivers, and what the provider and the client saw of the call."""

    def __init__(self, receivers: dict[str, Collector], spans: dict[str, list[Seen]]) -> None:
        self.receivers = receivers
        self.spans = spans


def settings(provider: Provider, **litellm: Any) -> dict[str, Any]:
    """A group whose deployment fails twice before another group answers."""
    return config(
        entry("weather", "openai_like/500@first", provider.url),
        entry("spare", "openai_like/tool@second", provider.url),
        router_settings={"num_retries": 1, "fallbacks": [{"weather": ["spare"]}]},
        litellm_settings={"callbacks": list(FORMS), **litellm},
    )


def environment(receivers: dict[str, Collector]) -> dict[str, str]:
    """Where the receivers are, by the variables of their own documents."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receivers["otel"].url,
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=of%20otel",
        "OTEL_SERVICE_NAME": "gate",
        "LANGFUSE_HOST": receivers["langfuse"].url,
        "LANGFUSE_PUBLIC_KEY": "pk-lf-1",
        "LANGFUSE_SECRET_KEY": "sk-lf-2",
        "LANGSMITH_BASE_URL": receivers["langsmith"].url,
        "LANGSMITH_API_KEY": "lsv2-3",
        "LANGSMITH_PROJECT": "usual",
    }


def arrived(collector: Collector, count: int) -> list[Seen]:
    """The spans, once there are so many."""
    return soon(lambda: collector.spans if len(collector.spans) >= count else []) or []


def body(**more: Any) -> dict[str, Any]:
    """A streamed call with a tool."""
    messages = [{"role": "user", "content": SECRET}]
    return {"model": "weather", "stream": True, "messages": messages, "tools": [TOOL], **more}


def called(gateway: Gateway, **more: Any) -> None:
    answer = ask(gateway, body=body(**more), headers={"traceparent": PARENT})
    reasons = [one["choices"][0]["finish_reason"] for one in answer.events if one != "[DONE]"
               and one["choices"]]  # fmt: skip
    assert reasons[-1] == "tool_calls"


@pytest.fixture(scope="module")
def told(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """One call, as it was told to all three."""
    folder = tmp_path_factory.mktemp("tracing")
    with ExitStack() as stack:
        receivers = {form: stack.enter_context(collecting()) for form in FORMS}
        with running(folder, settings(provider), env=environment(receivers)) as gateway:
            called(gateway, metadata=METADATA)
            spans = {form: arrived(one, 4) for form, one in receivers.items()}
        yield Told(receivers, spans)


def test_all_receivers_get_valid_spans_of_the_call_and_its_attempts(told: Told) -> None:
    for form in FORMS:
        call, *attempts = told.spans[form]
        assert len(attempts) == 3
        assert {one.parent for one in attempts} == {call.id}
        assert {one.trace for one in attempts} == {call.trace}
        assert [one.span.status.code for one in attempts] == [2, 2, 0]
        for one in attempts:
            assert call.span.start_time_unix_nano <= one.span.start_time_unix_nano
            assert one.span.end_time_unix_nano <= call.span.end_time_unix_nano
        assert told.receivers[form].invalid == 0


def test_a_collector_gets_the_conventions_names(told: Told) -> None:
    (path, headers), *_ = told.receivers["otel"].requests
    assert (path, headers["api-key"]) == ("/v1/traces", "of otel")
    assert headers["content-type"] == "application/x-protobuf"
    call, first, *_, last = told.spans["otel"]
    assert (call.trace, call.parent) == (PARENT[3:35], PARENT[36:52])
    assert call.span.name == "chat weather"
    assert call.resource["service.name"] == "gate"
    assert call.told["gen_ai.operation.name"] == "chat"
    assert call.told["gen_ai.request.model"] == "weather"
    assert call.told["gen_ai.response.model"] == "tool@second"
    assert call.told["gen_ai.request.stream"] is True
    assert int(str(call.told["gen_ai.usage.input_tokens"])) > 0
    assert first.told["http.response.status_code"] == 500
    assert first.told["error.type"] == "upstream_error"
    assert last.told["headgate.attempt"] == "fallback"
    assert last.told["server.address"] == "127.0.0.1"


def test_the_provider_is_told_the_span_of_its_attempt(told: Told, provider: Provider) -> None:
    spans = told.spans["otel"][1:]
    asked = [*provider.asked("500@first", 2), *provider.asked("tool@second", 1)]
    handed = [one.headers["traceparent"] for one in asked]
    assert handed == [f"00-{PARENT[3:35]}-{one.id}-01" for one in spans]


def test_langfuse_gets_its_own_names(told: Told) -> None:
    (path, headers), *_ = told.receivers["langfuse"].requests
    assert path == "/api/public/otel/v1/traces"
    assert base64.b64decode(headers["authorization"].split()[1]) == b"pk-lf-1:sk-lf-2"
    assert headers["x-langfuse-ingestion-version"] == "4"
    call, *attempts = told.spans["langfuse"]
    assert (call.trace, call.span.name) == (trace_id_of("checkout 7"), "pick a tool")
    for one in (call, *attempts):
        assert one.told["langfuse.trace.name"] == "Checkout"
        assert one.told["langfuse.session.id"] == "session-7"
        assert one.told["langfuse.user.id"] == "carol"
        assert one.told["langfuse.trace.tags"] == ["blue"]
    assert call.told["langfuse.observation.type"] == "generation"
    usage = json.loads(str(call.told["langfuse.observation.usage_details"]))
    assert usage["total"] == usage["input"] + usage["output"] > 0
    (answer,) = json.loads(str(call.told["langfuse.observation.output"]))
    assert answer["tool_calls"][0]["function"]["name"]
    assert SECRET in str(call.told["langfuse.observation.input"])


def test_langsmith_gets_its_own_names(told: Told) -> None:
    (path, headers), *_ = told.receivers["langsmith"].requests
    assert path == "/otel/v1/traces"
    assert (headers["x-api-key"], headers["langsmith-project"]) == ("lsv2-3", "usual")
    call, *attempts = told.spans["langsmith"]
    assert call.trace == trace_id_of("checkout 7")
    assert call.told["langsmith.span.kind"] == "llm"
    assert call.told["langsmith.trace.name"] == "pick"
    assert call.told["langsmith.span.tags"] == "blue"
    for one in (call, *attempts):
        assert one.told["langsmith.metadata.session_id"] == "session-7"
        assert one.told["langsmith.trace.session_name"] == "shop"
    assert attempts[0].span.events[0].name == "exception"


def test_a_receiver_that_is_down_costs_no_call_and_is_told_of_once(
    provider: Provider, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        receivers = {form: stack.enter_context(collecting()) for form in FORMS}
        for one in receivers.values():
            one.status = 503
        configured = settings(provider, turn_off_message_logging=True)
        with running(tmp_path, configured, env=environment(receivers)) as gateway:
            for _ in range(5):
                called(gateway)
            soon(lambda: [1] if all(one.requests for one in receivers.values()) else [])
            for one in receivers.values():
                one.status = 200
            # What waits is handed over at the end at the latest.
            assert gateway.stop() == 0
            words = [line["event"] for line in gateway.lines]
        for one in receivers.values():
            assert len([seen for seen in one.spans if seen.span.kind == SERVER]) == 5
            assert SECRET not in str([seen.told for seen in one.spans])
        assert words.count("records are not handed over just now") == len(FORMS)
