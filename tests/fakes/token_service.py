"""A token service on a port of this machine, as Google's and Microsoft's are spoken to.

The rule: it remembers every form that was posted, and answers all of them alike.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import orjson


class TokenService(ThreadingHTTPServer):
    """Gives token after token, `token-1` first, unless `status` is not 200."""

    def __init__(self, status: int = 200, lifetime: int = 3_600, error: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = status
        self.lifetime = lifetime
        self.error = error
        self.headers: dict[str, str] = {}
        self.forms: list[dict[str, list[str]]] = []
        self.paths: list[str] = []

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def body(self) -> bytes:
        """What it answers by now."""
        said: dict[str, Any] = {"error": self.error or "invalid_client"}
        if self.status == 200:
            value = f"token-{len(self.forms)}"
            said = {"access_token": value, "expires_in": self.lifetime, "token_type": "Bearer"}
        return orjson.dumps(said)


class _Handler(BaseHTTPRequestHandler):
    server: TokenService

    def do_POST(self) -> None:
        """Remember the form and answer it."""
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.paths.append(self.path)
        self.server.forms.append(parse_qs(raw.decode()))
        body = self.server.body
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def token_service(
    status: int = 200, lifetime: int = 3_600, error: str = ""
) -> Iterator[TokenService]:
    """A token service that runs inside the block."""
    with TokenService(status, lifetime, error) as service:
        thread = threading.Thread(target=service.serve_forever, args=(0.01,), name="token service")
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()
