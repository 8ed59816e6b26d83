"""What providers were recorded to send goes through the running gateway byte for byte.

The rule: the one thing that may be missing is the usage event that the gateway itself asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from random import Random

import pytest

from tests.e2e.gateway import Gateway
from tests.e2e.plain import ask_on, chat, connected
from tests.e2e.provider import Provider
from tests.fakes.recordings import DONE, Recording, needs_fixtures, openai_chat_streams

CUTS = 12
EVENT = re.compile(rb".*?(?:\r\n|\n|\r)(?:\r\n|\n|\r)+|.+", re.DOTALL)
END = re.compile(rb"(?:^|[\r\n])data: ?\[DONE\]")
ERROR = re.compile(rb'(?:^|[\r\n])(?:data: ?\{"error"|error: ?)')

pytestmark = needs_fixtures()


def ends_well(stream: Recording) -> bool:
    """Whether the stream has its provider's own end and no error, so that nothing is normalised."""
    return END.search(stream.whole) is not None and not any(map(is_error, split(stream.whole)))


def split(raw: bytes) -> list[bytes]:
    """The events of a stream with their blank lines."""
    return EVENT.findall(raw)


def value_of(event: bytes) -> dict[str, object]:
    """The object that an event carries, or an empty one."""
    data = b"".join(line[5:] for line in event.splitlines() if line.startswith(b"data:"))
    try:
        value = json.loads(data)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def is_error(event: bytes) -> bool:
    """Whether an event says that the stream has failed."""
    return bool(value_of(event).get("error"))


def is_usage(event: bytes) -> bool:
    """Whether an event is nothing but the usage that was asked for."""
    value = value_of(event)
    usage = value.get("usage")
    return not value.get("choices") and isinstance(usage, dict) and "prompt_tokens" in usage


def cut(stream: Recording) -> list[bytes]:
    """The stream in pieces that end anywhere, the same ones in every run."""
    random = Random(stream.name)
    places = {random.randrange(1, len(stream.whole)) for _ in range(CUTS)}
    edges = [0, *sorted(places), len(stream.whole)]
    return [stream.whole[begin:end] for begin, end in pairwise(edges)]


@contextmanager
def replaying(provider: Provider) -> Iterator[None]:
    """The provider is itself again after the block."""
    upstream = provider.upstream
    before = upstream._replay
    try:
        yield
    finally:
        upstream._replay = before


def through(
    gateway: Gateway, provider: Provider, streams: list[Recording], pieces: str, usage: bool
) -> Iterator[tuple[Recording, bytes]]:
    """Each stream and what came of it at the client."""
    more = {"stream_options": {"include_usage": True}} if usage else {}
    with replaying(provider), connected(gateway) as connection:
        for stream in streams:
            chunks = stream.chunks if pieces == "recorded" else cut(stream)
            provider.upstream.replay(chunks, stream.content_type)
            answer = ask_on(connection, body=chat("faulty/replay", **more))
            assert answer.status == 200, (stream.name, answer.body)
            assert answer.headers["content-type"] == "text/event-stream"
            yield stream, answer.body


@pytest.mark.parametrize("pieces", ["recorded", "cut anywhere"])
def test_nothing_is_changed_where_the_client_asked_for_usage_itself(
    gateway: Gateway, provider: Provider, pieces: str
) -> None:
    streams = [stream for stream in openai_chat_streams() if ends_well(stream)]
    came = list(through(gateway, provider, streams, pieces, usage=True))
    assert len(came) > 50
    assert [stream.name for stream, raw in came if raw != stream.whole] == []


@pytest.mark.parametrize("pieces", ["recorded", "cut anywhere"])
def test_only_the_usage_event_is_cut_out_where_the_gateway_asked_for_it(
    gateway: Gateway, provider: Provider, pieces: str
) -> None:
    streams = [stream for stream in openai_chat_streams() if ends_well(stream)]
    came = list(through(gateway, provider, streams, pieces, usage=False))
    changed = [
        stream.name
        for stream, raw in came
        if raw != b"".join(event for event in split(stream.whole) if not is_usage(event))
    ]
    assert changed == []
    assert [stream for stream, raw in came if raw != stream.whole], "no recording had such an event"


def test_a_stream_that_only_lacks_the_end_mark_gets_it(
    gateway: Gateway, provider: Provider
) -> None:
    streams = [one for one in openai_chat_streams() if END.search(one.whole) is None]
    whole = [one for one in streams if not any(map(is_error, split(one.whole)))]
    came = list(through(gateway, provider, whole, "recorded", usage=True))
    assert came
    assert [stream.name for stream, raw in came if raw != stream.whole + DONE] == []


def test_an_error_that_was_recorded_within_a_stream_reaches_the_client_in_our_form(
    gateway: Gateway, provider: Provider
) -> None:
    streams = [one for one in openai_chat_streams() if any(map(is_error, split(one.whole)))]
    for stream, raw in through(gateway, provider, streams, "recorded", usage=True):
        *said, error, done = split(raw)
        assert stream.whole.startswith(b"".join(said)), stream.name
        assert set(value_of(error)) == {"error"}, stream.name
        assert done == DONE
