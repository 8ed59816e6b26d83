"""The vocabulary of a reply on its way through the chain.

The rule: a flow is `Head Data* End` and nothing else, ever; a flow without an `End` was cut.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from enum import Enum

from pipelines.usage import Usage

Headers = list[tuple[bytes, bytes]]


class Media(Enum):
    """The forms a body can have: one JSON document, a stream in one of several framings, or bytes.
    An array of JSON is sent piece by piece, and is never recognised in a provider's reply."""

    JSON = "application/json"
    SSE = "text/event-stream"
    NDJSON = "application/x-ndjson"
    ARRAY = "application/json; charset=utf-8"
    AWS = "application/vnd.amazon.eventstream"
    BINARY = "application/octet-stream"

    @property
    def streams(self) -> bool:
        """Whether the body is a stream of messages."""
        return self in _STREAMS


_STREAMS = frozenset({Media.SSE, Media.NDJSON, Media.ARRAY, Media.AWS})


@dataclass(slots=True)
class Head:
    """The reply begins: exactly one, first.

    `headers` are the provider's, lower-cased, hop-by-hop ones already taken out.
    """

    status: int
    headers: Headers
    media: Media


@dataclass(slots=True)
class Data:
    """Bytes of the body: a whole JSON document, whole stream events, or one read of others."""

    raw: bytes


@dataclass(slots=True)
class End:
    """The reply ended as it should."""

    usage: Usage


Event = Head | Data | End
Flow = AsyncGenerator[Event, None]
Proceed = Callable[[], Flow]
