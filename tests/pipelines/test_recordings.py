"""Recordings are found by those who may follow them."""

from __future__ import annotations

import pytest

from pipelines.cache_policy import CachePolicy
from pipelines.events import Data
from pipelines.recordings import Recordings


@pytest.mark.parametrize(
    "running, asked, found",
    [
        ("stream", "stream", True),
        ("stream", "whole", True),
        ("stream+usage", "stream", True),
        ("whole", "whole", True),
        ("whole", "stream", False),
    ],
)
def test_a_call_joins_one_whose_reply_becomes_its_own_without_delay(
    running: str, asked: str, found: bool
) -> None:
    recordings = Recordings()
    one = recordings.begin("openai-chat", running, 0.0)
    recordings.offer("k", one)
    assert (recordings.joined("k", asked) is one) is found
    assert recordings.joined("other", asked) is None
    recordings.end(one, 1.0)
    assert recordings.joined("k", asked) is None
    assert recordings.ended == 1


def test_the_first_of_two_is_the_one_to_join() -> None:
    recordings = Recordings()
    one, two = (recordings.begin("openai-chat", "stream", 0.0) for _ in range(2))
    recordings.offer("k", one)
    recordings.offer("k", two)
    recordings.end(two, 1.0)
    assert recordings.joined("k", "stream") is one
    one.overfull = True
    assert recordings.joined("k", "stream") is None


def test_what_may_be_resumed_rests_for_a_while() -> None:
    recordings = Recordings(CachePolicy(resume_ttl=10))
    one = recordings.begin("openai-chat", "stream", 0.0)
    recordings.open_to("me", "digest", one)
    one.write(Data(b"a"), 0.0)
    recordings.end(one, 1.0)
    assert recordings.stream(one.id, "me") == (one, "digest")
    assert recordings.stream(one.id, "you") is None
    recordings.begin("openai-chat", "stream", 11.0)
    assert recordings.stream(one.id, "me") is None
    assert (len(recordings), recordings.room.used) == (0, 0)


def test_what_rests_makes_room_for_what_runs() -> None:
    recordings = Recordings(CachePolicy(open_bytes=15))
    one, two = (recordings.begin("openai-chat", "stream", 0.0) for _ in range(2))
    recordings.open_to("me", "", one)
    one.write(Data(b"x" * 10), 0.0)
    recordings.end(one, 0.0)
    two.write(Data(b"x" * 10), 0.0)
    recordings.begin("openai-chat", "stream", 1.0)
    assert recordings.stream(one.id, "me") is None
    assert recordings.room.used == 10


def test_a_name_leads_to_its_recording_while_it_runs() -> None:
    recordings = Recordings()
    one = recordings.begin("openai-chat", "stream", 0.0)
    one.keep_as["n"] = (1.0, "digest")
    recordings.name("n", one, "digest")
    assert recordings.named("n") == (one, "digest")
    recordings.end(one, 1.0)
    assert recordings.named("n") is None
