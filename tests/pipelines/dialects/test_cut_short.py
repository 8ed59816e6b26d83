"""A stream that is cut short ends as one that reached its greatest length, in every dialect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import orjson
import pytest

from pipelines.call import Call
from pipelines.deltas import (
    Begin,
    Consumed,
    Delta,
    Finish,
    TextDelta,
    ThoughtDelta,
    ToolArguments,
    ToolBegin,
)
from pipelines.dialects.base import CutsShort, Gauge, TellsAgain
from pipelines.dialects.bridge import Bridge
from pipelines.events import Media
from pipelines.operations import (
    CHAT,
    COHERE,
    COMPLETIONS,
    GENERATE,
    GENERATE_ARRAY,
    MESSAGES,
    OLLAMA_CHAT,
    OLLAMA_GENERATE,
    RESPONSES,
    Operation,
)
from pipelines.registry import DIALECTS
from pipelines.usage import Usage
from tests.builders import a_deployment

SPEAKERS = (
    CHAT,
    COMPLETIONS,
    COHERE,
    GENERATE,
    MESSAGES,
    OLLAMA_CHAT,
    OLLAMA_GENERATE,
    RESPONSES,
)
HEARERS = (*SPEAKERS, GENERATE_ARRAY)
PAIRS = [
    (spoken, heard)
    for spoken, heard in product(SPEAKERS, HEARERS)
    if spoken is heard or DIALECTS[spoken.dialect].kind == DIALECTS[heard.dialect].kind
]
WORDS = ("One ", "two ", "three ", "four.")
SAID: tuple[Delta, ...] = (
    Begin("resp_1", "m", 1_700_000_000),
    ThoughtDelta("Let me "),
    ThoughtDelta("think."),
    *(TextDelta(one) for one in WORDS),
)
CALLED: tuple[Delta, ...] = (
    ToolBegin(0, "call_1", "look"),
    ToolArguments(0, '{"at": '),
    ToolArguments(0, '"it"}'),
)
END: tuple[Delta, ...] = (Finish("stop"), Consumed(Usage(7, 9)))


def a_call_of(operation: Operation) -> Call:
    body = {"model": "m", "stream": True, "stream_options": {"include_usage": True}}
    body |= {name: [] for name in operation.requires if name not in body}
    call = Call(operation, orjson.dumps(body), [], path_model="m")
    call.path_streams = True
    return call


def events_of(operation: Operation, *deltas: Delta) -> list[bytes]:
    """A stream of this dialect, event by event."""
    writer = DIALECTS[operation.dialect].writer(a_call_of(operation), "own")
    raw = b"".join(writer.write([one]) for one in deltas) + writer.close()
    mark = b"\n" if DIALECTS[operation.dialect].media is Media.NDJSON else b"\n\n"
    raw = raw.replace(b"\r\n\r\n", b"\n\n")
    return [one + mark for one in raw.split(mark) if one.strip()]


def watcher(spoken: Operation, heard: Operation) -> Gauge:
    """Who watches this reply, where it may be cut."""
    theirs, ours, call = DIALECTS[spoken.dialect], DIALECTS[heard.dialect], a_call_of(heard)
    if theirs is not ours:
        reads = theirs.frames(theirs.media)
        return Bridge("Acme", theirs.interpreter("Acme"), reads, ours.writer(call, "own"), 5)
    if isinstance(ours, TellsAgain):
        return ours.keeping_gauge(call, a_deployment())
    return ours.gauge(call, a_deployment())


@dataclass
class Heard:
    """What a client made of a stream."""

    text: str = ""
    reason: str = ""
    usage: Usage | None = None
    raw: bytes = b""


def heard_in(raw: bytes, operation: Operation) -> Heard:
    """What this dialect's clients understand; raises where the stream has no good end."""
    found = Heard(raw=raw)
    dialect = DIALECTS[operation.dialect]
    reader = dialect.interpreter("Acme")
    if operation is GENERATE_ARRAY:
        frames = [("", one) for one in orjson.loads(raw)]
        done = False
    else:
        reads = dialect.frames(dialect.media)
        frames = [*reads.feed(raw), *reads.close()]
        done = reads.done
    deltas = [one for name, value in frames for one in reader.event(name, value)]
    for one in (*deltas, *reader.end(done)):
        if isinstance(one, TextDelta):
            found.text += one.text
        elif isinstance(one, Finish):
            found.reason = one.reason
        elif isinstance(one, Consumed):
            found.usage = one.usage
    return found


def cuts(spoken: Operation, heard: Operation, *deltas: Delta) -> Iterator[Heard]:
    """What a client hears of the stream, cut after each of its events."""
    stream = events_of(spoken, *deltas)
    for count in range(1, len(stream)):
        gauge = watcher(spoken, heard)
        passed = b"".join(gauge.watch(one) for one in stream[:count])
        if passed:
            assert isinstance(gauge, CutsShort)
            yield heard_in(passed + gauge.cut_short(a_call_of(heard)), heard)


@pytest.mark.parametrize(("spoken", "heard"), PAIRS, ids=lambda one: one.name)
def test_a_cut_stream_has_the_end_of_a_long_one(spoken: Operation, heard: Operation) -> None:
    found = list(cuts(spoken, heard, *SAID, *END))
    assert len(found) > len(WORDS)
    said = [one.text for one in found]
    assert said == sorted(said, key=len)
    assert all("".join(WORDS).startswith(one) for one in said)
    cut = [one for one in found if one.text != "".join(WORDS)]
    assert cut
    assert {one.reason for one in cut} == {"length"}
    assert {one.reason for one in found} <= {"length", "stop"}
    assert all(one.usage is not None for one in found)


@pytest.mark.parametrize(
    ("spoken", "heard"),
    [one for one in PAIRS if COMPLETIONS not in one and OLLAMA_GENERATE not in one],
    ids=lambda one: one.name,
)
def test_a_call_that_is_cut_is_closed(spoken: Operation, heard: Operation) -> None:
    found = list(cuts(spoken, heard, *SAID, *CALLED, Finish("tool_calls"), END[1]))
    assert {one.reason for one in found} <= {"length", "tool_calls"}
    assert found[0].reason == "length"


@pytest.mark.parametrize("operation", SPEAKERS, ids=lambda one: one.name)
def test_what_had_ended_is_not_ended_again(operation: Operation) -> None:
    gauge = watcher(operation, operation)
    for one in events_of(operation, *SAID, *END):
        gauge.watch(one)
    assert isinstance(gauge, CutsShort)
    assert gauge.cut_short(a_call_of(operation)) == b""
