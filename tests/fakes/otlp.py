"""A receiver of OTLP over HTTP, as a collector, Langfuse or LangSmith is one.

The rule: what is no valid ExportTraceServiceRequest is answered with 400, and a test that asks for
spans gets only those that were accepted.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Told = str | bool | int | float | list[str]


@dataclass(frozen=True, slots=True)
class Seen:
    """One span as it was received, with its attributes as plain values."""

    span: Span
    told: dict[str, Told]
    resource: dict[str, Told]

    @property
    def id(self) -> str:
        """Its id, in hexadecimal digits."""
        return self.span.span_id.hex()

    @property
    def parent(self) -> str:
        """Its parent's id, or nothing."""
        return self.span.parent_span_id.hex()

    @property
    def trace(self) -> str:
        """Its trace's id."""
        return self.span.trace_id.hex()


class Collector:
    """Remembers what it was sent; `status` is what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.url = ""
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.spans: list[Seen] = []
        self.invalid = 0

    def take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """The answer to one request."""
        self.requests.append((path, headers))
        if self.status != 200:
            return self.status, b""
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        try:
            request = ExportTraceServiceRequest.FromString(body)
        except DecodeError:
            self.invalid += 1
            return 400, b""
        for owner in request.resource_spans:
            resource = plain(owner.resource.attributes)
            for scope in owner.scope_spans:
                self.spans += [Seen(one, plain(one.attributes), resource) for one in scope.spans]
        return 200, ExportTraceServiceResponse().SerializeToString()


def plain(pairs: Iterator[KeyValue] | list[KeyValue]) -> dict[str, Told]:
    """Attributes as plain values."""
    return {one.key: _value(one.value) for one in pairs}


def _value(value: AnyValue) -> Told:
    if value.WhichOneof("value") == "array_value":
        return [one.string_value for one in value.array_value.values]
    found: Told = getattr(value, value.WhichOneof("value") or "string_value")
    return found


@contextmanager
def collecting() -> Iterator[Collector]:
    """A receiver that listens inside the block."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = collector.take(self.path, headers, body)
            self.send_response(status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is written."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        collector.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
