"""A Messages reply is understood, streamed or whole, wherever it is cut."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given as holds
from hypothesis import strategies as st

from pipelines.deltas import CitationDelta, Delta, Finish, ThoughtDelta, ToolArguments, ToolBegin
from pipelines.dialects.anthropic.reader import MessagesInterpreter
from pipelines.dialects.frames import SseFrames
from pipelines.errors import Overloaded, StreamBroken, UpstreamFailed
from pipelines.usage import Usage
from tests.fakes.recordings import Recording, needs_fixtures
from tests.pipelines.dialects.anthropic.given import event, given, read, start, summed

CALL = {"type": "tool_use", "id": "t", "name": "f"}
TOOL = (
    event(
        "content_block_start", index=1, content_block={"type": "tool_use", "id": "t", "name": "f"}
    )
    + event("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": ""})
    + event("content_block_stop", index=1)
)
STOP = event(
    "message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 7}
) + event("message_stop")
THINKING = event("content_block_start", index=0, content_block={"type": "thinking"})
SIGNED = event(
    "content_block_delta", index=0, delta={"type": "signature_delta", "signature": "s"}
) + event("content_block_stop", index=0)
BROKEN_ON_PURPOSE = "spliced-message-start"


@needs_fixtures()
@pytest.mark.parametrize("one", given(), ids=lambda one: one.name)
def test_a_recording_means_what_it_holds(one: Recording) -> None:
    if BROKEN_ON_PURPOSE in one.name:
        with pytest.raises(StreamBroken, match="second answer"):
            read(one.whole, one.streamed)
        return
    got = summed(read(one.whole, one.streamed))
    text, calls, thought, reason = "", [], "", ""
    spent: dict[str, Any] = {}
    values = [value for _, value in SseFrames().feed(one.whole + b"\n\n")] if one.streamed else []
    arguments: dict[int, str] = {}
    for value in values:
        kind = value["type"]
        if kind == "message_stop":
            break
        if kind == "message_start":
            spent |= value["message"]["usage"]
        elif kind == "content_block_start" and value["content_block"]["type"] == "tool_use":
            arguments[value["index"]] = ""
            calls.append([value["content_block"]["id"], value["index"]])
        elif kind == "content_block_delta":
            delta = value["delta"]
            text += delta.get("text", "")
            thought += delta.get("thinking", "")
            if value["index"] in arguments:
                arguments[value["index"]] += delta.get("partial_json", "")
        elif kind == "message_delta":
            reason = value["delta"]["stop_reason"]
            spent |= value["usage"]
    if one.streamed:
        assert [call[2] for call in got["calls"]] == [arguments[at] or "{}" for _, at in calls]
    else:
        body = orjson.loads(one.whole)
        text = "".join(block["text"] for block in body["content"] if block["type"] == "text")
        thought = "".join(block.get("thinking", "") for block in body["content"])
        used = [block for block in body["content"] if block["type"] == "tool_use"]
        assert [orjson.loads(call[2]) for call in got["calls"]] == [one["input"] for one in used]
        calls = [[block["id"], 0] for block in used]
        reason, spent = body["stop_reason"], body["usage"]
    assert (got["text"], got["thought"]) == (text, thought)
    assert [call[0] for call in got["calls"]] == [id for id, _ in calls]
    assert got["reason"] == {"tool_use": "tool_calls", "max_tokens": "length"}.get(
        reason, "content_filter" if reason == "refusal" else "stop"
    )
    cached = spent.get("cache_read_input_tokens") or 0
    written = spent.get("cache_creation_input_tokens") or 0
    assert got["usage"].prompt_tokens == spent["input_tokens"] + cached + written
    assert got["usage"].completion_tokens == spent["output_tokens"]


def test_a_call_without_arguments_has_an_empty_object_and_its_own_number() -> None:
    got = read(start(input_tokens=3) + TOOL + STOP, streamed=True)
    assert got[1:4] == [ToolBegin(0, "t", "f"), ToolArguments(0, "{}"), Finish("tool_calls")]


def test_the_parts_of_the_prompt_are_added_up() -> None:
    usage = {"input_tokens": 3, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 5}
    got = summed(read(start(**usage) + TOOL + STOP, streamed=True))
    assert got["usage"] == Usage(18, 7, cached_tokens=10, cache_write_tokens=5)


def test_a_thought_may_be_a_signature_alone() -> None:
    got = read(start() + THINKING + SIGNED + TOOL + STOP, streamed=True)
    assert got[1] == ThoughtDelta(signature="s", family="anthropic")


def test_a_citation_points_at_the_words_that_rest_on_it() -> None:
    cited = {"type": "char_location", "cited_text": "c", "document_title": "d"}
    body = {"content": [{"type": "text", "text": "four", "citations": [cited]}]}
    got = read(orjson.dumps(body), streamed=False)
    assert CitationDelta(title="d", text="c", start=0, end=4, rest=cited) in got


def test_a_second_start_of_the_same_answer_is_passed_over() -> None:
    assert summed(read(start() + start() + TOOL + STOP, streamed=True))["reason"] == "tool_calls"


def test_an_error_is_raised_by_its_type() -> None:
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    with pytest.raises(Overloaded):
        read(start() + error, streamed=True)


def test_a_stream_without_its_end_is_broken() -> None:
    with pytest.raises(StreamBroken):
        read(start() + TOOL, streamed=True)
    with pytest.raises(UpstreamFailed):
        read(b"", streamed=True)


@holds(cuts=st.lists(st.integers(0, 2000), max_size=8))
def test_cut_anywhere_it_means_the_same(cuts: list[int]) -> None:
    raw = start(input_tokens=1) + THINKING + SIGNED + TOOL + STOP
    frames, reader, deltas = SseFrames(), MessagesInterpreter("Acme"), list[Delta]()
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    for begin, end in pairwise(edges):
        for name, value in frames.feed(raw[begin:end]):
            deltas += reader.event(name, value)
    assert deltas + reader.end(frames.done) == read(raw, streamed=True)


SEARCH = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"url": "u"}]}
SERVED = (
    SEARCH,
    FOUND,
    {"type": "code_execution_tool_result", "tool_use_id": "s", "content": {"stdout": "1"}},
    {"type": "mcp_tool_use", "id": "m", "name": "n", "server_name": "o", "input": {}},
    {"type": "mcp_tool_result", "tool_use_id": "m", "content": "x"},
    {"type": "compaction", "content": "short"},
    {"type": "container_upload", "file_id": "f"},
    {"type": "of_tomorrow"},
)


def served(blocks: tuple[dict[str, Any], ...]) -> bytes:
    """A stream with these blocks, a text and a call behind each of them."""
    raw, index = start(input_tokens=1), 0
    for at, block in enumerate(blocks):
        call = {"type": "tool_use", "id": f"t{at}", "name": "f", "input": {}}
        for one, delta in (
            (block, {"type": "input_json_delta", "partial_json": '{"query":'}),
            ({"type": "text", "text": ""}, {"type": "text_delta", "text": f"{at} "}),
            (call, {"type": "input_json_delta", "partial_json": "{}"}),
        ):
            raw += event("content_block_start", index=index, content_block=one)
            raw += event("content_block_delta", index=index, delta=delta)
            raw += event("content_block_stop", index=index)
            index += 1
    return raw + STOP


def test_what_the_providers_own_tools_did_is_told_and_nothing_after_it_is_lost() -> None:
    reader = MessagesInterpreter("Acme")
    deltas: list[Delta] = []
    for name, value in SseFrames().feed(served(SERVED)):
        deltas += reader.event(name, value)
    got = summed([*deltas, *reader.end(False)])
    assert got["text"] == "".join(f"{at} " for at in range(len(SERVED)))
    assert [call[0] for call in got["calls"]] == [f"t{at}" for at in range(len(SERVED))]
    assert reader.lost == [one["type"] for one in SERVED]


def test_what_the_providers_own_tools_did_is_told_of_a_whole_reply_too() -> None:
    reader = MessagesInterpreter("Acme")
    text = {"type": "text", "text": "so"}
    deltas = reader.document(
        {
            "content": [SEARCH, FOUND, FOUND, text, CALL],
            "container": {"id": "c"},
            "stop_reason": "pause_turn",
        }
    )
    assert summed(deltas)["text"] == "so"
    assert reader.lost == ["server_tool_use", "web_search_tool_result", "container", "pause_turn"]


def test_names_without_end_are_not_collected() -> None:
    reader = MessagesInterpreter("Acme")
    reader.document({"content": [{"type": f"{at:09}" * 99} for at in range(99)]})
    assert len(reader.lost) == 16
    assert all(len(one) <= 64 for one in reader.lost)
