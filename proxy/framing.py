"""Requests of HTTP/1.1 by the letter: their heads and bodies judged, without a socket.

The rule: what two parsers could read in two ways is refused, never repaired.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

MAX_TARGET = 8 * 1024
MAX_FIELDS = 100
MAX_FIELD_BYTES = 32 * 1024
MAX_HEAD_BYTES = MAX_TARGET + 64 + MAX_FIELD_BYTES
MAX_CHUNK_LINE = 512
MAX_TRAILER_BYTES = 8 * 1024
FEW_CHUNKS = 10_000
SMALL_CHUNK = 64

_WATCHED = frozenset(
    (
        b"host",
        b"authorization",
        b"content-length",
        b"transfer-encoding",
        b"connection",
        b"expect",
        b"upgrade",
    )
)
_ONCE = frozenset((b"host", b"authorization", b"content-length", b"transfer-encoding"))
_HOST = re.compile(rb"(?:[A-Za-z0-9._~%!$&'()*+,;=-]*|\[[0-9A-Fa-f:.%A-Za-z_~-]+\])(?::[0-9]*)?")
_FOUL = re.compile(rb"(?<!\r)\n|\r(?=[^\n])|[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[^\0-\x08\x0a-\x1f\x7f]*)?")
_FIELD_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\0-\x08\x0a-\x1f\x7f]*")


class Refusal(Exception):
    """A request that is not served, with the status and the sentence its sender gets."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def answer(self) -> bytes:
        """The whole answer, after which the connection is closed."""
        body = error_body(self.status, self.message, "invalid_request_error")
        head = (
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        return head.encode("ascii") + body


def error_body(status: int, message: str, kind: str) -> bytes:
    """The JSON of an error in the shape that clients of OpenAI's API read."""
    error = {"message": message, "type": kind, "param": None, "code": str(status)}
    return json.dumps({"error": error}, separators=(",", ":")).encode()


def check_start(data: bytes, seen: int) -> None:
    """Refuse a head that is not complete yet as soon as it can no longer become a good one."""
    if _FOUL.search(data, max(0, seen - 1)):
        raise Refusal(400, _fault(data))
    if b"\r\n" not in data[: MAX_TARGET + 64]:
        if len(data) > MAX_TARGET + 64:
            raise Refusal(414, f"The target is over {MAX_TARGET} bytes.")
    elif len(data) > MAX_HEAD_BYTES:
        raise Refusal(431, f"The headers are over {MAX_FIELD_BYTES} bytes.")


def _fault(raw: bytes) -> str:
    if raw.startswith(b"\x16\x03"):
        return "TLS was sent to a port that speaks HTTP without TLS."
    if b"\0" in raw:
        return "The head of the request holds a NUL."
    if raw.count(b"\r\n") != raw.count(b"\n"):
        return "A line of the head ends in LF without CR."
    if raw.count(b"\r\n") != raw.removesuffix(b"\r").count(b"\r"):
        return "The head of the request holds a CR without LF."
    if b"\r\n " in raw or b"\r\n\t" in raw:
        return "A header is folded over two lines."
    return "The head of the request is malformed."


class Head:
    """The head of one request, judged: what came to be an object is safe to serve."""

    __slots__ = (
        "chunked",
        "expects",
        "headers",
        "keep",
        "length",
        "method",
        "query",
        "raw_path",
        "version",
        "websocket",
    )

    def __init__(self, raw: bytes) -> None:
        if raw.startswith(b"PRI "):
            raise Refusal(505, "HTTP/2 is not spoken without TLS.")
        line = raw[: raw.index(b"\r\n")]
        if len(line) > MAX_TARGET + 64:
            raise Refusal(414, f"The target is over {MAX_TARGET} bytes.")
        if len(raw) - len(line) > MAX_FIELD_BYTES:
            raise Refusal(431, f"The headers are over {MAX_FIELD_BYTES} bytes.")
        self.headers: list[tuple[bytes, bytes]] = []
        self._parse(raw)
        authority = self._read_line(line)
        self._read_fields(authority)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser for each header."""
        self.headers.append((name.lower(), value.rstrip()))

    def _parse(self, raw: bytes) -> None:
        try:
            HttpRequestParser(self).feed_data(raw)
        except HttpParserUpgrade:
            pass  # whether to upgrade is decided below, and llhttp's opinion of it is not asked
        except HttpParserError as error:
            fault = _fault(raw)
            if fault.endswith("is malformed."):
                fault = f"The head of the request is malformed: {error}."
            raise Refusal(400, fault) from None
        count = len(self.headers)
        if count > MAX_FIELDS:
            raise Refusal(431, f"There are more than {MAX_FIELDS} headers.")
        if raw.count(b"\r\n") != count + 2:
            # the parser saw fewer or more headers than there are lines: it was lenient somewhere
            raise Refusal(400, _fault(raw))

    def _read_line(self, line: bytes) -> bytes | None:
        parts = line.split(b" ")
        if len(parts) != 3:
            raise Refusal(400, "The request line is not method, target and version.")
        method, target, version = parts
        if method.startswith((b"\r", b"\n")):  # which llhttp passes over
            raise Refusal(400, "A CR or an LF alone stands before the request line.")
        if version == b"HTTP/1.1":
            self.version = "1.1"
        elif version == b"HTTP/1.0":
            self.version = "1.0"
        else:
            raise Refusal(400, "The version is neither HTTP/1.0 nor HTTP/1.1.")
        if len(target) > MAX_TARGET:
            raise Refusal(414, f"The target is over {MAX_TARGET} bytes.")
        if b"#" in target:
            raise Refusal(400, "The target holds a fragment.")
        self.method = method.decode("ascii")
        authority = None
        if not target.startswith(b"/"):
            authority, target = self._split_target(target)
        self.raw_path, _, self.query = target.partition(b"?")
        return authority

    def _split_target(self, target: bytes) -> tuple[bytes | None, bytes]:
        if target == b"*" and self.method == "OPTIONS":
            return None, target
        scheme, mark, rest = target.partition(b"://")
        if not mark or scheme.lower() not in (b"http", b"https"):
            raise Refusal(400, "The target is not a path.")
        found = re.search(rb"[/?]", rest)
        authority = rest[: found.start()] if found else rest
        path = rest[len(authority) :]
        return authority, path if path.startswith(b"/") else b"/" + path

    def _read_fields(self, authority: bytes | None) -> None:
        found: dict[bytes, bytes] = {}
        for name, value in self.headers:
            if name in _WATCHED:
                if name in found:
                    if name in _ONCE:
                        raise Refusal(400, f"There is more than one {name.decode()} header.")
                    value = found[name] + b", " + value
                found[name] = value
        host = found.get(b"host")
        if host is None:
            if self.version == "1.1":
                raise Refusal(400, "There is no host header.")
        elif not _HOST.fullmatch(host):
            raise Refusal(400, "The host header is malformed.")
        if authority is not None and authority.lower() != (host or b"").lower():
            raise Refusal(400, "The target names another host than the host header.")
        self._read_framing(found.get(b"content-length"), found.get(b"transfer-encoding"))
        options = self._read_connection(found.get(b"connection"))
        self._read_expect(found.get(b"expect"))
        self.websocket = (
            b"upgrade" in found
            and found[b"upgrade"].lower() == b"websocket"
            and b"upgrade" in options
            and self.method == "GET"
            and self.version == "1.1"
            and not (self.length or self.chunked)
        )

    def _read_framing(self, length: bytes | None, coding: bytes | None) -> None:
        self.chunked = False
        self.length = 0
        if coding is not None:
            if length is not None:
                raise Refusal(400, "There are both content-length and transfer-encoding.")
            if self.version == "1.0":
                raise Refusal(400, "HTTP/1.0 has no transfer-encoding.")
            if coding.lower() != b"chunked":
                raise Refusal(400, "The transfer-encoding is not exactly chunked.")
            self.chunked = True
        elif length is not None:
            if not length.isdigit() or len(length) > 18:
                raise Refusal(400, "The content-length is malformed.")
            self.length = int(length)

    def _read_connection(self, value: bytes | None) -> list[bytes]:
        if value is None:
            self.keep = self.version == "1.1"
            return []
        options = [option.strip() for option in value.lower().split(b",")]
        self.keep = b"close" not in options and (self.version == "1.1" or b"keep-alive" in options)
        return options

    def _read_expect(self, value: bytes | None) -> None:
        self.expects = False
        if value is not None and self.version == "1.1":
            if value.lower() != b"100-continue":
                raise Refusal(417, "The expectation is not 100-continue.")
            self.expects = True


class Chunks:
    """Takes a chunked body apart; its extensions are bounded and its trailers dropped."""

    __slots__ = ("_bytes", "_chunks", "_left", "_rest", "_trailing")

    def __init__(self) -> None:
        self._rest = b""
        self._left: int | None = None  # of the chunk's data; 0: its CR LF is due; None: a line is
        self._trailing: int | None = None
        self._chunks = 0
        self._bytes = 0

    def feed(self, data: bytes) -> tuple[bytes, bool, bytes]:
        """What of the body is here, whether it has ended, and the bytes behind its end."""
        if self._rest:
            data = self._rest + data
        at = 0
        pieces: list[bytes] = []
        while at < len(data):
            if self._left:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
            elif self._left == 0:
                if not data.startswith(b"\r\n", at):
                    if data[at:] == b"\r":
                        break
                    raise Refusal(400, "A chunk is not followed by CR LF.")
                at += 2
                self._left = None
            else:
                end = data.find(b"\r\n", at)
                if end < 0:
                    self._check_line(data[at:])
                    break
                if self._line(data[at:end]):
                    return b"".join(pieces), True, data[end + 2 :]
                at = end + 2
        self._rest = data[at:]
        return b"".join(pieces), False, b""

    def _check_line(self, line: bytes) -> None:
        if len(line) > MAX_CHUNK_LINE and self._trailing is None:
            raise Refusal(400, "The size line of a chunk is too long.")
        if b"\n" in line or b"\r" in line[:-1] or len(line) > MAX_TRAILER_BYTES:
            raise Refusal(400, "The chunked body is malformed.")

    def _line(self, line: bytes) -> bool:
        if self._trailing is None:
            self._check_line(line)
            match = _CHUNK_LINE.fullmatch(line)
            if match is None:
                raise Refusal(400, "The size of a chunk is malformed.")
            self._start_chunk(int(match[1], 16))
            return False
        if not line:
            return True
        self._trailing += len(line)
        if self._trailing > MAX_TRAILER_BYTES:
            raise Refusal(400, f"The trailers are over {MAX_TRAILER_BYTES} bytes.")
        if _FIELD_LINE.fullmatch(line) is None:
            raise Refusal(400, "A trailer is malformed.")
        return False

    def _start_chunk(self, size: int) -> None:
        if size == 0:
            self._trailing = 0
            return
        self._left = size
        self._chunks += 1
        self._bytes += size
        if self._chunks > FEW_CHUNKS and self._bytes < self._chunks * SMALL_CHUNK:
            raise Refusal(400, "The chunks are too small for so long a body.")
