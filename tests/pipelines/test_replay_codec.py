"""What is kept is read as it was written, or not at all."""

from __future__ import annotations

import pytest

from pipelines.events import Media
from pipelines.recording import Stored
from pipelines.replay_codec import MAGIC, decoded, encoded
from pipelines.usage import NO_USAGE, Usage

STORED = Stored(
    status=200,
    headers=[(b"content-type", b"text/\xe9")],
    media=Media.SSE,
    body=b"ab\n\nc\x00",
    sizes=[4, 2],
    offsets=[0.25, 1.0],
    made=12.5,
    dialect="openai-chat",
    digest="d",
    form="stream",
    usage=Usage(1, 2, service_tier="flex"),
    losses=["dropped:seed"],
)


def test_a_reply_is_read_as_it_was_written() -> None:
    assert decoded(encoded(STORED)) == STORED


def test_a_reply_without_usage_and_pieces_is_read_too() -> None:
    empty = Stored(200, [], Media.JSON, b"", [], [])
    found = decoded(encoded(empty))
    assert found is not None
    assert (found.usage, found.body) == (NO_USAGE, b"")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x80\x04N.",
        MAGIC,
        MAGIC + b"{}\n[[],[]]\n",
        MAGIC + b"[]\n[]\n",
        encoded(STORED)[:-1],
        encoded(STORED).replace(b'"SSE"', b'"WAV"'),
        encoded(STORED).replace(b"reply 1", b"reply 2"),
    ],
)
def test_what_is_none_of_ours_is_no_reply(raw: bytes) -> None:
    assert decoded(raw) is None
