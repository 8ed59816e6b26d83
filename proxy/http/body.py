"""Reads the body of a request.

The rule: never more than the limit is kept, and a length that is announced too large is refused
before a byte is read.
"""

from __future__ import annotations

from pipelines.errors import TooLarge, UnsupportedEncoding
from pipelines.events import Headers
from proxy.http.asgi import Receive

MAX_DIGITS = 18


class ClientGone(Exception):
    """The client left before its request was whole."""


async def read_body(receive: Receive, headers: Headers, limit: int) -> bytes:
    """The whole body of at most `limit` bytes.

    Raises TooLarge, UnsupportedEncoding and ClientGone.
    """
    _check_head(headers, limit)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part = message.get("body", b"")
        if part:
            parts.append(part)
            size += len(part)
            if size > limit:
                raise _too_large(limit)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _check_head(headers: Headers, limit: int) -> None:
    for name, value in headers:
        if name == b"content-length" and value.isdigit() and _is_over(value, limit):
            raise _too_large(limit)
        if name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise UnsupportedEncoding


def _is_over(digits: bytes, limit: int) -> bool:
    # A number of thousands of digits is an error to Python, not a large one.
    return len(digits) > MAX_DIGITS or int(digits) > limit


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"The request's body is over {limit} bytes, the limit of this gateway (max_body_bytes)."
    )
