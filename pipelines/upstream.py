"""What goes to a provider in one attempt.

The rule: it is built anew for each attempt from the unchanged call; nothing of a failed attempt
leaks into the next.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class UpstreamRequest:
    """One request to a provider; times in seconds.

    `first_byte` bounds the wait for the first byte of the body, or for all of a body that is not
    streamed, and `idle` the silence within a stream. Requests of one `pool` share connections;
    `dialect` is what is spoken there.
    """

    url: str
    headers: dict[str, str]
    body: bytes
    pool: str
    dialect: str
    streaming: bool
    first_byte: float
    idle: float
    method: str = "POST"

    def __repr__(self) -> str:
        # Headers and bodies are secret, and some providers take the key as a parameter.
        return f"UpstreamRequest({self.method} {self.url.partition('?')[0]})"
