"""The vocabulary of a reply is three words, each cheap to make."""

from __future__ import annotations

from typing import get_args

from pipelines.events import Data, End, Event, Head, Media
from pipelines.usage import NO_USAGE
from tests.builders import a_head


def test_an_event_is_a_head_data_or_an_end() -> None:
    assert get_args(Event) == (Head, Data, End)


def test_events_carry_no_dictionary() -> None:
    events = (a_head(), Data(b"a"), End(NO_USAGE))
    assert not any(hasattr(event, "__dict__") for event in events)


def test_media_are_named_by_their_content_type() -> None:
    assert [media.value for media in Media] == [
        "application/json",
        "text/event-stream",
        "application/x-ndjson",
        "application/json; charset=utf-8",
        "application/vnd.amazon.eventstream",
        "application/octet-stream",
    ]
    assert [media for media in Media if not media.streams] == [Media.JSON, Media.BINARY]
