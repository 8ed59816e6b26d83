"""Every recorded reply of Gemini is read as it was meant, whole, streamed and cut anywhere."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.call import Call
from pipelines.deltas import (
    Consumed,
    Delta,
    Finish,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.bridge import Bridge, Interpreter
from pipelines.dialects.frames import SseFrames
from pipelines.dialects.gemini.dialect import GEMINI_GENERATE
from pipelines.dialects.gemini.reader import GeminiInterpreter
from pipelines.dialects.gemini.writer import GeminiWriter
from pipelines.dialects.openai_chat.reader import ChatInterpreter
from pipelines.errors import UpstreamError
from pipelines.operations import GENERATE
from tests.builders import a_deployment
from tests.fakes.recordings import Recording, needs_fixtures, openai_chat_streams, recordings

pytestmark = needs_fixtures()


def is_answer(one: Recording) -> bool:
    """Whether this is a reply to generateContent."""
    ours = one.provider in ("gemini", "vertex_ai") and one.endpoint == "generateContent"
    return ours and b'"candidates"' in one.whole


ANSWERS = [one for one in recordings() if is_answer(one)]
STREAMS = [one for one in ANSWERS if one.streamed]
CHATS = openai_chat_streams()


def chunks(one: Recording) -> list[dict[str, Any]]:
    """The recorded objects, however they were framed."""
    if one.streamed:
        lines = one.whole.decode().splitlines()
        return [orjson.loads(line[5:]) for line in lines if line.startswith("data:")]
    value = orjson.loads(one.whole)
    return value if isinstance(value, list) else [value]


def read(one: Recording) -> list[Delta]:
    """What the reply means."""
    reader = GeminiInterpreter("Google")
    if not one.streamed and one.whole.startswith(b"{"):
        return reader.document(orjson.loads(one.whole))
    found = [delta for chunk in chunks(one) for delta in reader.event("", chunk)]
    return found + reader.end(False)


def heard(deltas: list[Delta]) -> dict[str, Any]:
    """What a client must get of a reply."""
    calls: dict[int, list[Any]] = {}
    spent = None
    for one in deltas:
        if isinstance(one, ToolBegin):
            calls[one.index] = [one.id, one.name, ""]
        elif isinstance(one, ToolArguments):
            calls[one.index][2] += one.text
        elif isinstance(one, Consumed):
            spent = one.usage
    return {
        "text": "".join(one.text for one in deltas if isinstance(one, TextDelta)),
        "thought": "".join(one.text for one in deltas if isinstance(one, ThoughtDelta)),
        "calls": [(id, name, orjson.loads(words or "{}")) for id, name, words in calls.values()],
        "finish": [one.reason for one in deltas if isinstance(one, Finish)],
        "usage": spent,
    }


def framed(reader: Interpreter, pieces: list[bytes]) -> list[Delta]:
    """What these reads mean."""
    frames = SseFrames()
    found = [
        d for raw in pieces for name, value in frames.feed(raw) for d in reader.event(name, value)
    ]
    found += [d for name, value in frames.close() for d in reader.event(name, value)]
    return found + reader.end(frames.done)


@pytest.mark.parametrize("one", ANSWERS, ids=lambda one: one.name)
def test_a_recorded_reply_is_read_whole(one: Recording) -> None:
    parts = [
        part
        for chunk in chunks(one)
        for candidate in chunk.get("candidates") or ()
        for part in candidate.get("content", {}).get("parts") or ()
    ]
    got = heard(read(one))
    text = "".join(p["text"] for p in parts if "text" in p and not p.get("thought"))
    assert got["text"] == text
    assert got["thought"] == "".join(p["text"] for p in parts if p.get("thought"))
    calls = [p["functionCall"] for p in parts if p.get("functionCall", {}).get("name")]
    assert [name for _, name, _ in got["calls"]] == [call["name"] for call in calls]
    for (_, _, args), call in zip(got["calls"], calls, strict=True):
        assert "args" not in call or args == call["args"]
    assert len({id for id, _, _ in got["calls"]}) == len(calls)
    assert len(got["finish"]) == 1
    assert (got["finish"][0] == "tool_calls") == bool(calls)
    counts = chunks(one)[-1].get("usageMetadata", {})
    if "totalTokenCount" in counts:
        assert got["usage"].total_tokens == counts["totalTokenCount"]
        assert got["usage"].reasoning_tokens == counts.get("thoughtsTokenCount", 0)


def test_arguments_that_arrive_value_by_value_are_put_together() -> None:
    named = {one.name: one for one in STREAMS}
    array = next(one for name, one in named.items() if "array-arguments" in name)
    (_, name, args), *others = heard(read(array))["calls"]
    assert (name, others) == ("writeItems", [])
    assert [item["action"] for item in args["operations"]] == ["add", "add"]
    assert args["operations"][1]["price"] == 0.3
    none = next(one for name, one in named.items() if "no-args" in name)
    assert [(name, args) for _, name, args in heard(read(none))["calls"]][:2] == [
        ("read_theme", {}),
        ("read_screen", {"id": "A"}),
    ]


@pytest.mark.parametrize("one", ANSWERS, ids=lambda one: one.name)
@pytest.mark.parametrize("streamed", [True, False])
def test_a_reply_that_is_written_anew_means_the_same(one: Recording, streamed: bool) -> None:
    said = read(one)
    assert heard(written(said, streamed)) == heard(said)


@pytest.mark.parametrize("one", CHATS, ids=lambda one: one.name)
@pytest.mark.parametrize("streamed", [True, False])
def test_a_chat_that_is_written_anew_means_the_same(one: Recording, streamed: bool) -> None:
    try:
        said = framed(ChatInterpreter("Acme"), one.chunks)
    except UpstreamError:
        pytest.skip("the recorded stream is an error")
    before, after = heard(said), heard(written(said, streamed))
    before["finish"] = before["finish"] or ["stop"]
    for name in ("text", "thought", "calls", "finish"):
        assert after[name] == before[name], name
    if before["usage"] is not None:
        assert after["usage"].total_tokens == before["usage"].total_tokens


def written(said: list[Delta], streamed: bool) -> list[Delta]:
    """These deltas, written for a client and read again."""
    writer = GeminiWriter("gemini", "made", streamed)
    raw = b"".join(writer.write([one]) for one in said) + writer.close()
    if not streamed:
        return GeminiInterpreter("us").document(orjson.loads(raw))
    return framed(GeminiInterpreter("us"), [raw])


@given(st.data())
def test_a_stream_that_is_cut_anywhere_means_the_same(data: st.DataObject) -> None:
    one = data.draw(st.sampled_from(STREAMS))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(one.whole)), max_size=8)))
    pieces = [one.whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(one.whole)], strict=True)]
    assert framed(GeminiInterpreter("Google"), pieces) == read(one)
    call = Call(GENERATE, b'{"contents":[]}', [], path_model="gemini-2.5-flash")
    call.path_streams = True
    gauge = GEMINI_GENERATE.gauge(call, a_deployment())
    assert b"".join([*(gauge.watch(raw) for raw in pieces), gauge.close()]).strip() == (
        one.whole.strip()
    )
    assert gauge.usage == heard(read(one))["usage"] or gauge.usage.estimated


@pytest.mark.parametrize(
    "one", [a for a in ANSWERS if a.whole.startswith(b"[")], ids=lambda o: o.name
)
def test_an_array_of_chunks_is_read_like_a_stream(one: Recording) -> None:
    bridge = Bridge("Google", GeminiInterpreter("Google"), None, GeminiWriter("m", "i", False), 0)
    bridge.watch(one.whole)
    assert heard(GeminiInterpreter("us").document(orjson.loads(bridge.close()))) == heard(read(one))
