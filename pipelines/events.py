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
    """The three forms a body can have: one JSON document, a stream of events, or plain bytes."""

    JSON = "application/json"
    SSE = "text/event-stream"
    BINARY = "application/octet-stream"


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
