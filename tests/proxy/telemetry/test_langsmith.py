"""LangSmith shows the call as the run of a model, in the project and thread that were asked for."""

from __future__ import annotations

from pipelines.traces import trace_id_of
from proxy.config.tracing import Receiver
from proxy.telemetry.langsmith import LangSmith
from tests.proxy.telemetry.calls import PARENT, a_call

SMITH = Receiver("langsmith", "https://smith", {}, name="LLMRun")


def test_what_the_client_says_arrives_where_langsmith_shows_it() -> None:
    metadata = {
        "run_name": "answer",
        "project_name": "shop",
        "trace_user_id": "carol",
        "tags": ["a"],
        "flow": "x",
    }
    record = a_call(metadata=metadata, session_id="s1", trace_id="my trace")
    call, *attempts = LangSmith(SMITH)(record)
    told = call.attributes
    assert call.trace == trace_id_of("my trace")
    assert told["langsmith.trace.name"] == "answer"
    assert told["langsmith.span.tags"] == "prod,a"
    assert told["langsmith.metadata.flow"] == "x"
    assert told["langsmith.metadata.user_id"] == "carol"
    assert told["langsmith.metadata.call_id"] == "call-1"
    assert "langsmith.metadata.run_name" not in told
    for span in (call, *attempts):
        assert span.attributes["langsmith.metadata.session_id"] == "s1"
        assert span.attributes["langsmith.trace.session_name"] == "shop"
        assert span.trace == call.trace


def test_the_call_is_the_run_of_a_model_with_all_that_was_used() -> None:
    call, *attempts = LangSmith(SMITH)(a_call())
    told = call.attributes
    assert told["langsmith.span.kind"] == "llm"
    assert {one.attributes["langsmith.span.kind"] for one in attempts} == {"chain"}
    assert told["gen_ai.usage.input_tokens"] == 100
    assert told["gen_ai.usage.output_tokens"] == 40
    assert told["gen_ai.usage.total_tokens"] == 140
    assert told["gen_ai.usage.details.reasoning_tokens"] == 10
    assert told["gen_ai.system"] == "bedrock"
    assert told["langsmith.trace.name"] == "LLMRun"
    assert told["langsmith.metadata.cost_usd"] == "0.001234000"
    embedding = LangSmith(SMITH)(a_call(operation="embeddings"))[0]
    assert embedding.attributes["langsmith.span.kind"] == "embedding"


def test_generation_names_of_others_are_understood_too() -> None:
    call = LangSmith(SMITH)(a_call(metadata={"generation_name": "g"}))[0]
    assert call.attributes["langsmith.trace.name"] == "g"


def test_an_error_is_told_as_the_event_that_langsmith_reads() -> None:
    call, first, second = LangSmith(SMITH)(a_call(outcome="failed", error="broken"))
    assert [one.name for one in call.events] == ["exception"]
    assert call.events[0].attributes == {"exception.message": "broken"}
    assert first.events[0].attributes == {"exception.message": "overloaded"}
    assert second.events == []


def test_prompts_and_answers_are_told_where_they_are_kept() -> None:
    record = a_call(prompt='[{"role":"user"}]', answer='{"content":"Hi"}')
    told = LangSmith(SMITH)(record)[0].attributes
    assert told["gen_ai.prompt"] == '[{"role":"user"}]'
    assert told["gen_ai.completion"] == '{"content":"Hi"}'
    silent = LangSmith(Receiver("langsmith", "https://smith", {}, telling=False))(record)[0]
    assert "gen_ai.prompt" not in silent.attributes


def test_a_call_is_never_below_a_span_that_may_not_come() -> None:
    call, *attempts = LangSmith(SMITH)(a_call(parent_span=PARENT, trace_id=PARENT[3:35]))
    assert (call.trace, call.parent, call.remote) == ("0" * 31 + "1", "", False)
    assert {(one.trace, one.parent) for one in attempts} == {(call.trace, call.id)}
    assert call.attributes["langsmith.metadata.traceparent"] == PARENT
    named = LangSmith(SMITH)(a_call(parent_span=PARENT, trace_id="mine"))[0]
    assert (named.trace, named.parent) == (trace_id_of("mine"), "")


def test_a_client_may_put_the_call_below_a_run_of_its_own() -> None:
    run, trace = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
    metadata = {"trace_id": trace, "parent_run_id": run, "dotted_order": f"a{trace}.b{run}"}
    (call,) = LangSmith(SMITH)(a_call(metadata=metadata, trace_id=trace))
    assert call.attributes["langsmith.trace.id"] == trace
    assert call.attributes["langsmith.span.parent_id"] == run
    assert call.attributes["langsmith.span.dotted_order"] == f"a{trace}.b{run}"
    assert "langsmith.metadata.parent_run_id" not in call.attributes
