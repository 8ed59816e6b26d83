"""A local Bedrock: it says what was recorded of the model that it is asked for, and notes requests.

The rule: a reply leaves as the recording has it, in pieces that end anywhere; the gateway's
signature is kept for botocore to judge.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest

KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a/session+token=")
REGION = "eu-west-1"
STREAM = "application/vnd.amazon.eventstream"
PIECE = 777


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.body)

    @property
    def signature(self) -> str:
        """The signature that it carries."""
        return self.headers["authorization"].rpartition("Signature=")[2]

    def signed_by_botocore(self) -> str:
        """The signature that botocore makes for the very same bytes."""
        names = self.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
        signed = {name: self.headers[name] for name in names.split(";")}
        url = f"http://{self.headers['host']}{self.path}"
        auth = pytest.importorskip("botocore.auth")
        made = pytest.importorskip("botocore.awsrequest")
        held = pytest.importorskip("botocore.credentials")
        request = made.AWSRequest("POST", url, signed, self.body)
        request.context["timestamp"] = self.headers["x-amz-date"]
        signer = auth.SigV4Auth(held.Credentials(*KEYS), "bedrock", REGION)
        text = signer.string_to_sign(request, signer.canonical_request(request))
        return str(signer.signature(text, request))


class Amazon(ThreadingHTTPServer):
    """Where it listens, what it says of a model, and what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Runtime)
        self.replies: dict[str, tuple[str, bytes]] = {}
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        """The address of the runtime."""
        return f"http://127.0.0.1:{self.server_port}"


class _Runtime(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Amazon

    def do_POST(self) -> None:
        """Say what is known of the model that the path names."""
        body = self.rfile.read(int(self.headers["content-length"]))
        named = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append(Asked(self.path, named, body))
        media, raw = self.server.replies[unquote(self.path.split("/")[2])]
        self.send_response(200)
        self.send_header("content-type", media)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for at in range(0, len(raw), PIECE):
            piece = raw[at : at + PIECE]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def amazon() -> Iterator[Amazon]:
    """A Bedrock that runs inside the block."""
    with Amazon() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
