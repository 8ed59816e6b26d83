"""A key's new secret reaches its webhook, signed, and works at once beside the old one."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
import pytest

from tests.e2e.configs import config
from tests.e2e.crowd import Crowd, models
from tests.e2e.gateway import KEY, Gateway, running, soon
from tests.e2e.test_revocation import status
from tests.fakes.servers import postgres

SECRET = "a secret of the webhook"


class Receiver(ThreadingHTTPServer):
    """Takes what webhooks send."""

    def __init__(self) -> None:
        self.told: list[tuple[dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.told.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def setup(folder: Path, backend: str, port: int) -> dict[str, Any]:
    general = {"master_key": KEY}
    if backend == "postgres":
        general["database_url"] = postgres().new_database()
    hook = {"url": f"http://127.0.0.1:{port}/keys", "secret": SECRET}
    own = {"data_dir": str(folder / "data"), "rotation_webhook": hook}
    return config(*models(), general_settings=general, headgate_settings=own)


async def a_key_that_is_due(gateway: Gateway) -> Crowd:
    crowd = Crowd([gateway])
    await crowd.make_key(auto_rotate=True, rotation_interval="1s", key_alias="ci")
    await asyncio.sleep(1.1)
    return crowd


@pytest.mark.parametrize("backend", ["embedded", "postgres"])
async def test_a_new_secret_is_handed_to_the_webhook_and_both_work(
    backend: str, tmp_path: Path
) -> None:
    with receiver() as hook:
        text = setup(tmp_path, backend, hook.server_address[1])
        with running(tmp_path, text) as gateway:
            crowd = await a_key_that_is_due(gateway)
        # It looks at once when it starts.
        with running(tmp_path, text) as gateway:
            assert soon(lambda: len(hook.told) or None)
            headers, body = hook.told[0]
            stamp = headers["x-headgate-timestamp"].encode()
            found = hmac.new(SECRET.encode(), stamp + b"." + body, hashlib.sha256).hexdigest()
            assert headers["x-headgate-signature"] == f"sha256={found}"
            told = orjson.loads(body)
            assert (told["event"], told["key_alias"]) == ("key_rotated", "ci")
            assert await status(gateway, crowd.key) == 200
            assert await status(gateway, told["key"]) == 200
            for _ in range(100):
                info = await Crowd([gateway]).admin(f"/key/info?key={told['key']}")
                if info["info"]["rotation_count"] == 1:
                    break
                await asyncio.sleep(0.05)
            assert info["info"]["key_name"] == told["key_name"]
            assert await status(gateway, crowd.key) == 200
            assert len(hook.told) == 1
            assert told["key"] not in "".join(map(str, gateway.lines))
