"""Speaks HTTP to the gateway without an SDK, where the bytes matter.

The rule: nothing here is forgiving; what a client could stumble over fails the test.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any, Protocol

SECONDS = 20.0
CHAT = "/v1/chat/completions"
MESSAGES = ({"role": "user", "content": "Hello"},)
DONE = "[DONE]"


class Place(Protocol):
    """Where to ask."""

    @property
    def port(self) -> int:
        """The port on this machine."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, whole; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error of an error reply, which must have OpenAI's shape."""
        assert self.headers["content-type"] == "application/json"
        return checked_error(self.json)

    @property
    def events(self) -> list[Any]:
        """What a stream said."""
        assert self.status == 200
        assert self.headers["content-type"] == "text/event-stream"
        return events(self.body)


def checked_error(value: Any) -> dict[str, Any]:
    """The error in a value of OpenAI's shape."""
    assert set(value) - {"detail"} == {"error"}
    error = value["error"]
    assert value.get("detail", error["message"]) == error["message"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert isinstance(error["message"], str)
    assert isinstance(error["type"], str)
    assert isinstance(error["code"], str)
    assert isinstance(error["param"], str | None)
    return dict(error)


def events(raw: bytes) -> list[Any]:
    """The values of a stream's events; each must be one `data:` line and a blank one, and the last
    one must be the end mark, which is kept as text."""
    assert raw.endswith(b"data: [DONE]\n\n"), raw[-200:]
    found: list[Any] = []
    for event in raw[:-2].split(b"\n\n"):
        assert event.startswith(b"data: "), event
        assert b"\n" not in event
        data = event[6:].decode()
        found.append(data if data == DONE else json.loads(data))
    assert found.count(DONE) == 1
    return found


def text_of(found: list[Any]) -> str:
    """The words in a stream's events."""
    deltas = (c["delta"] for one in found if one != DONE for c in one.get("choices", ()))
    return "".join(delta.get("content") or "" for delta in deltas)


def chat(model: str, **more: Any) -> dict[str, Any]:
    """The body of a chat that is streamed unless told otherwise."""
    return {"model": model, "messages": list(MESSAGES), "stream": True, **more}


def ask(
    place: Place,
    path: str = CHAT,
    body: object = None,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Ask on a connection of its own."""
    with connected(place) as connection:
        return ask_on(connection, path, body, method, headers)


@contextmanager
def connected(place: Place) -> Iterator[HTTPConnection]:
    """A connection that is kept open between requests."""
    with closing(HTTPConnection("127.0.0.1", place.port, timeout=SECONDS)) as connection:
        yield connection


def ask_on(
    connection: HTTPConnection,
    path: str = CHAT,
    body: object = None,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Ask on a connection that is there; a body that is not bytes goes out as JSON."""
    raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    sent = {"Authorization": "Bearer sk-headgate-end-to-end", "Content-Type": "application/json"}
    connection.request(method, path, raw, {**sent, **(headers or {})})
    with connection.getresponse() as reply:
        named = {name.lower(): value for name, value in reply.getheaders()}
        return Answer(reply.status, named, reply.read())


def request(body: object, path: str = CHAT, *lines: str) -> bytes:
    """The bytes of a request, for those who send them by hand."""
    raw = json.dumps(body).encode()
    head = [
        f"POST {path} HTTP/1.1",
        "Host: gateway",
        "Authorization: Bearer sk-headgate-end-to-end",
        f"Content-Length: {len(raw)}",
        *lines,
    ]
    return "\r\n".join((*head, "", "")).encode() + raw


@contextmanager
def dialled(place: Place, sent: bytes = b"") -> Iterator[socket.socket]:
    """A bare socket on which these bytes were sent."""
    with socket.create_connection(("127.0.0.1", place.port), SECONDS) as sock:
        sock.sendall(sent)
        yield sock


def until(sock: socket.socket, mark: bytes) -> bytes:
    """What arrives up to the mark and a little more."""
    raw = b""
    while mark not in raw:
        piece = sock.recv(65536)
        assert piece, f"the connection ended before {mark!r}: {raw[-200:]!r}"
        raw += piece
    return raw
