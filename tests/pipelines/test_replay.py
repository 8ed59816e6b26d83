"""A kept reply is told again, at once or at its first speed."""

from __future__ import annotations

from pipelines.events import Data, End, Head, Media
from pipelines.recording import Stored
from pipelines.replay import paced, replayed
from tests.builders import KNOWN_USAGE

STORED = Stored(200, [], Media.SSE, b"abc", [1, 2], [0.5, 2.0], usage=KNOWN_USAGE)
HEAD = Head(200, [], Media.SSE)


def test_it_comes_at_once() -> None:
    assert replayed(STORED) == [HEAD, Data(b"abc"), End(KNOWN_USAGE)]


def test_it_comes_at_its_first_speed() -> None:
    assert list(paced(STORED)) == [
        (0.0, HEAD),
        (0.5, Data(b"a")),
        (1.5, Data(b"bc")),
        (0.0, End(KNOWN_USAGE)),
    ]
