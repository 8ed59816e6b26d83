"""The endpoint of every operation that calls a model.

The rule: one class, made from the table of operations; what goes wrong with the body is told only
to callers who are known.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from random import Random

from pipelines.call import Call
from pipelines.errors import GatewayError
from pipelines.events import Headers
from pipelines.exchange import Exchange
from pipelines.operations import Operation
from proxy.http.asgi import LEFT, Receive, Scope, Send
from proxy.http.body import ClientGone, read_body
from proxy.http.guard import ClientGuard
from proxy.http.headers import CALL_ID
from proxy.http.live import Live
from proxy.http.reply import Reply
from proxy.runtime import Runtime
from proxy.telemetry.logging import CALL

_SAFE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class Inference:
    """Answers one operation with the runtime that is current when the call arrives."""

    def __init__(self, operation: Operation, current: Callable[[], Runtime], live: Live) -> None:
        self._operation = operation
        self._current = current
        self._live = live
        self._random = Random()

    async def __call__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        path_model: str | None = None,
        path_streams: bool = False,
    ) -> None:
        """Read the call, run the chain, write the reply."""
        arrived = time.monotonic()
        runtime = self._current()
        headers = scope["headers"]
        raw, fault = b"", None
        try:
            raw = await read_body(receive, headers, runtime.settings.max_body_bytes)
        except GatewayError as error:
            fault = error
        except ClientGone:
            return
        client = scope.get("client")
        call = Call(self._operation, raw, headers, client[0] if client else "", path_model, fault)
        call.path_streams = path_streams
        serial = f"{self._random.getrandbits(128):032x}"
        id = _id(headers) or serial
        exchange = Exchange(id, call, arrived, started=time.time(), serial=serial)
        watch = scope.get("extensions", {}).get(LEFT)
        guard = ClientGuard(exchange, receive, runtime.background, watch)
        self._live.enter(guard)
        token = CALL.set(id)
        try:
            dialect = runtime.dialects[self._operation.dialect]
            pings = (runtime.background, runtime.settings.ping_interval)
            await Reply(exchange, dialect, send, *pings).run(runtime.chain, guard)
        finally:
            CALL.reset(token)
            self._live.leave(guard)


def _id(headers: Headers) -> str | None:
    for name, value in headers:
        if name == CALL_ID and _SAFE_ID.fullmatch(value):
            return value.decode()
    return None
