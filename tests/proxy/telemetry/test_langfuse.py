"""Langfuse shows the call as a generation, in the trace and under the names that were asked for."""

from __future__ import annotations

import orjson
import pytest

from pipelines.traces import trace_id_of
from pipelines.usage import Usage
from proxy.config.tracing import Receiver
from proxy.telemetry.langfuse import Langfuse
from tests.proxy.telemetry.calls import PARENT, a_call

FUSE = Receiver("langfuse", "https://fuse", {})
METADATA = {
    "trace_id": "my trace",
    "trace_name": "Checkout",
    "trace_user_id": "carol",
    "trace_version": "v2",
    "trace_release": "r3",
    "trace_metadata": {"tier": "gold", "n": 1},
    "session_id": "s1",
    "generation_name": "answer",
    "tags": ["a"],
    "flow": "x",
}


def test_what_the_client_says_arrives_where_langfuse_shows_it() -> None:
    record = a_call(metadata=METADATA, trace_id="my trace", session_id="s1")
    call, *attempts = Langfuse(FUSE)(record)
    assert (call.name, call.trace, call.parent) == ("answer", trace_id_of("my trace"), "")
    wanted = {
        "langfuse.trace.name": "Checkout",
        "langfuse.user.id": "carol",
        "langfuse.session.id": "s1",
        "langfuse.trace.tags": ["prod", "a"],
        "langfuse.release": "r3",
        "langfuse.version": "v2",
        "langfuse.trace.metadata.tier": "gold",
        "langfuse.trace.metadata.n": "1",
    }
    for span in (call, *attempts):
        assert span.trace == call.trace
        assert {name: span.attributes.get(name) for name in wanted} == wanted
    assert call.attributes["langfuse.observation.metadata.flow"] == "x"
    assert "langfuse.observation.metadata.trace_name" not in call.attributes


def test_the_call_is_a_generation_and_its_attempts_are_not() -> None:
    call, *attempts = Langfuse(FUSE)(a_call())
    told = call.attributes
    assert told["langfuse.observation.type"] == "generation"
    assert {one.attributes["langfuse.observation.type"] for one in attempts} == {"span"}
    assert told["langfuse.observation.model.name"] == "claude-sonnet"
    assert orjson.loads(str(told["langfuse.observation.usage_details"])) == {
        "input": 40,
        "input_cached_tokens": 60,
        "output": 30,
        "output_reasoning_tokens": 10,
        "total": 140,
    }
    assert orjson.loads(str(told["langfuse.observation.cost_details"])) == {"total": 0.001234}
    begin = told["langfuse.observation.completion_start_time"]
    assert begin == "2026-10-26T07:33:21.250000+00:00"
    assert told["langfuse.observation.level"] == "WARNING"
    assert told["langfuse.observation.metadata.team_alias"] == "Team One"
    assert told["langfuse.trace.name"] == "chat gpt"


def test_a_token_is_never_counted_twice() -> None:
    usage = Usage(
        90, 50, cached_tokens=20, cache_write_tokens=10, audio_input_tokens=5,
        audio_output_tokens=4, reasoning_tokens=6,
    )  # fmt: skip
    call = Langfuse(FUSE)(a_call(usage=usage))[0]
    found = orjson.loads(str(call.attributes["langfuse.observation.usage_details"]))
    assert found.pop("total") == sum(found.values()) == 140


def test_prompts_and_answers_are_told_where_they_are_kept() -> None:
    record = a_call(prompt='[{"role":"user"}]', answer='{"content":"Hi"}')
    told = Langfuse(FUSE)(record)[0].attributes
    assert told["langfuse.observation.input"] == '[{"role":"user"}]'
    assert told["langfuse.observation.output"] == '{"content":"Hi"}'
    silent = Langfuse(Receiver("langfuse", "https://fuse", {}, telling=False))(record)[0]
    assert "langfuse.observation.input" not in silent.attributes
    assert "langfuse.observation.input" not in Langfuse(FUSE)(a_call())[0].attributes


def test_a_failure_has_its_level_and_its_words() -> None:
    told = Langfuse(FUSE)(a_call(outcome="refused", error="no money", cost=None))[0].attributes
    assert told["langfuse.observation.level"] == "ERROR"
    assert told["langfuse.observation.status_message"] == "no money"
    assert "langfuse.observation.cost_details" not in told


def test_a_call_within_the_clients_own_trace_stays_there() -> None:
    call = Langfuse(FUSE)(a_call(parent_span=PARENT, trace_id=PARENT[3:35]))[0]
    assert (call.trace, call.parent, call.remote) == (PARENT[3:35], PARENT[36:52], True)
    assert "langfuse.trace.name" not in call.attributes


def test_a_trace_that_is_asked_for_wins_over_the_callers_span() -> None:
    call, *attempts = Langfuse(FUSE)(a_call(parent_span=PARENT, trace_id="mine"))
    assert (call.trace, call.parent, call.remote) == (trace_id_of("mine"), "", False)
    assert {one.parent for one in attempts} == {call.id}


@pytest.mark.parametrize(("above", "parent"), [("0123456789abcdef", "0123456789abcdef"), ("x", "")])
def test_a_parent_that_is_asked_for_is_used_where_it_can_be(above: str, parent: str) -> None:
    metadata = {"existing_trace_id": "mine", "parent_observation_id": above}
    call = Langfuse(FUSE)(a_call(metadata=metadata))[0]
    assert (call.trace, call.parent) == (trace_id_of("mine"), parent)


def test_the_operators_tags_and_release_are_added() -> None:
    receiver = Receiver(
        "langfuse", "https://fuse", {}, resource={"langfuse.release": "9"}, tags=("all", "prod")
    )
    told = Langfuse(receiver)(a_call())[0].attributes
    assert told["langfuse.trace.tags"] == ["prod", "all"]
    assert told["langfuse.release"] == "9"
