"""A provider that answers every call with the recording that its model's name tells.

The rule: it sends what was recorded, piece by piece, and looks at nothing of a request but the
model, which stands in the address or in the body.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager

from aiohttp import web

from tests.matrix.subjects import Subject, body, media

MODEL = re.compile(r"\br\d{4}\b")
MAX_BODY = 1 << 24


class Replay:
    """The application of the provider."""

    def __init__(self, known: Mapping[str, Subject]) -> None:
        self._known = known

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One recorded reply."""
        raw = await request.read()
        found = MODEL.search(request.path)
        name = found[0] if found else str((json.loads(raw or b"{}")).get("model"))
        subject = self._known.get(name)
        if subject is None:
            return web.json_response({"error": {"message": f"no recording {name}"}}, status=404)
        recording = subject.recording
        kind = media(recording)
        if not subject.streamed:
            return web.Response(
                body=recording.whole, status=recording.status, headers={"Content-Type": kind}
            )
        reply = web.StreamResponse(status=recording.status, headers={"Content-Type": kind})
        await reply.prepare(request)
        for piece in body(recording):
            await reply.write(piece)
        await reply.write_eof()
        return reply


@contextmanager
def replaying(known: Mapping[str, Subject]) -> Iterator[str]:
    """The address of such a provider, which runs inside the block on a thread of its own."""
    ready: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("POST", "/{tail:.*}", Replay(known).answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        ready.set_result((f"http://{host}:{port}", asyncio.get_running_loop(), stop))
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve(), debug=False), name="replay")
    thread.start()
    url, loop, stop = ready.result(10)
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
