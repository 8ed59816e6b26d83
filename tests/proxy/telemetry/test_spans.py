"""A call is one span, and each of its attempts a child of it."""

from __future__ import annotations

import pytest

from pipelines.record import AttemptRecord
from pipelines.traces import attempt_span
from proxy.telemetry.otlp_wire import CLIENT, SERVER
from proxy.telemetry.spans import NANO, spans_of, tags_of, user_of
from tests.proxy.telemetry.calls import PARENT, a_call


def test_the_call_is_told_by_the_conventions() -> None:
    call = spans_of(a_call(session_id="s1"))[0]
    assert (call.name, call.kind, call.error, call.parent) == ("chat gpt", SERVER, None, "")
    assert call.trace == "0" * 31 + "1"
    assert (call.begin, call.end) == (1_793_000_000_500_000_000, 1_793_000_002_500_000_000)
    wanted = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": "gpt",
        "gen_ai.response.model": "claude-sonnet",
        "gen_ai.request.stream": True,
        "gen_ai.response.time_to_first_chunk": 0.75,
        "gen_ai.conversation.id": "s1",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 40,
        "gen_ai.usage.cache_read.input_tokens": 60,
        "gen_ai.usage.reasoning.output_tokens": 10,
        "http.response.status_code": 200,
        "http.route": "/chat/completions",
        "user.id": "bob",
        "headgate.cost_usd": 0.001234,
        "headgate.cost_source": "table",
        "headgate.team_alias": "Team One",
        "headgate.tags": ["prod"],
        "headgate.fallbacks": 1,
    }
    assert {name: call.attributes.get(name) for name in wanted} == wanted
    assert "error.type" not in call.attributes


def test_attempts_are_children_with_their_errors_and_times() -> None:
    call, first, second = spans_of(a_call())
    assert {first.parent, second.parent} == {call.id}
    assert {first.trace, second.trace} == {call.trace}
    assert (first.name, first.kind, first.error) == ("chat gpt-4o", CLIENT, "overloaded")
    assert (first.begin, first.end) == (call.begin + NANO // 8, call.begin + NANO * 3 // 8)
    assert first.attributes["error.type"] == "rate_limit_exceeded"
    assert first.attributes["http.response.status_code"] == 429
    assert first.attributes["gen_ai.provider.name"] == "openai"
    assert "server.address" not in first.attributes
    assert second.error is None
    assert second.attributes["headgate.attempt"] == "fallback"
    assert second.attributes["server.address"] == "bedrock.example"
    assert second.attributes["server.port"] == 8443
    assert second.id == attempt_span("0" * 31 + "1", "d2", 0.5)


def test_what_was_used_is_told_once() -> None:
    used = [span for span in spans_of(a_call()) if "gen_ai.usage.input_tokens" in span.attributes]
    assert len(used) == 1


def test_a_call_within_a_trace_is_a_child_of_it() -> None:
    call, *attempts = spans_of(a_call(parent_span=PARENT, trace_id="another"))
    assert (call.trace, call.parent, call.remote) == (PARENT[3:35], PARENT[36:52], True)
    assert {one.trace for one in attempts} == {PARENT[3:35]}


def test_the_clients_own_name_of_a_trace_puts_calls_together() -> None:
    first = spans_of(a_call(trace_id="my trace"))
    second = spans_of(a_call(trace_id="my trace", serial="f" * 32))
    assert first[0].trace == second[0].trace
    assert first[0].id != second[0].id


def test_a_record_that_is_sent_twice_is_one_span() -> None:
    assert [one.id for one in spans_of(a_call())] == [one.id for one in spans_of(a_call())]


@pytest.mark.parametrize("outcome", ["refused", "failed", "broken", "shutdown"])
def test_what_went_wrong_is_an_error(outcome: str) -> None:
    record = a_call(outcome=outcome, error="no", error_class="OverBudget", status=400)
    call = spans_of(record)[0]
    assert (call.error, call.attributes["error.type"]) == ("no", "OverBudget")
    assert spans_of(a_call(outcome=outcome))[0].attributes["error.type"] == outcome


def test_a_client_that_left_is_no_error() -> None:
    call = spans_of(a_call(outcome="client_gone", status=499))[0]
    assert (call.error, call.attributes["headgate.outcome"]) == (None, "client_gone")


def test_a_call_that_reached_no_provider_is_our_own() -> None:
    record = a_call(
        provider=None, upstream_model=None, attempts=(), cache="hit", requested_model=None,
        model=None, api_base="", cost=None,
    )  # fmt: skip
    (call,) = spans_of(record)
    assert call.name == "chat"
    assert call.attributes["gen_ai.provider.name"] == "headgate"
    assert call.attributes["headgate.cache"] == "hit"
    assert "headgate.cost_usd" not in call.attributes


def test_the_conventions_names_of_operations_are_used() -> None:
    names = {
        operation: spans_of(a_call(operation=operation))[0].name
        for operation in ("messages", "completions", "generate", "embed-batch", "rerank")
    }
    assert names == {
        "messages": "chat gpt",
        "completions": "text_completion gpt",
        "generate": "generate_content gpt",
        "embed-batch": "embeddings gpt",
        "rerank": "rerank gpt",
    }


def test_the_clients_metadata_is_told_as_text() -> None:
    told = {"tags": ["a", "prod"], "flow": "x", "deep": {"n": 1}, "trace_user_id": "carol"}
    record = a_call(metadata=told)
    call = spans_of(record)[0]
    assert call.attributes["headgate.metadata.flow"] == "x"
    assert call.attributes["headgate.metadata.deep"] == '{"n":1}'
    assert (user_of(record), tags_of(record)) == ("carol", ["prod", "a"])


@pytest.mark.parametrize("address", ["", "not an address", "http://[", "mock://"])
def test_a_strange_address_is_left_out(address: str) -> None:
    assert "server.address" not in spans_of(a_call(api_base=address))[-1].attributes


def test_an_attempt_without_any_code_is_some_other_error() -> None:
    (_, attempt) = spans_of(a_call(attempts=(AttemptRecord("d", 0.1, "odd"),)))
    assert attempt.attributes["error.type"] == "_OTHER"
