"""The ASGI application.

The rule: calls to models are found by one look into a table; everything else is Starlette's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipelines.operations import GENERATE, OPERATIONS
from proxy.http.asgi import App, Receive, Scope, Send
from proxy.http.health import Health
from proxy.http.inference import Inference
from proxy.http.live import Live
from proxy.http.models import Models
from proxy.http.plain import http_error
from proxy.runtime import Runtime

ROOTS = ("", "/v1", "/openai/v1")
MODEL_ROOTS = ("/openai/deployments", "/engines")
# Cohere's clients ask under a root of their own.
V2_PATHS = ("/rerank",)

_SLASHES = re.compile("/{2,}")
_PATHS = "|".join(one.path for one in OPERATIONS if one is not GENERATE)
_AZURE = re.compile(f"(?:{'|'.join(MODEL_ROOTS)})/(?P<model>.+?)(?P<path>{_PATHS})")

# Google's clients name the model and the stream by the address, and may put the key into it.
_GOOGLE = re.compile(
    r"(?:/v1beta|/v1|)/models/(?P<model>.+):(?P<verb>generateContent|streamGenerateContent)"
)


class Gateway:
    """The whole application; `runtime` is the generation of the configuration that serves now."""

    def __init__(self, runtime: Runtime, live: Live) -> None:
        self.runtime = runtime
        self._endpoints: Mapping[str, Inference] = MappingProxyType(
            {one.path: Inference(one, self._current, live) for one in OPERATIONS}
        )
        self._paths: Mapping[str, Inference] = MappingProxyType(
            {
                **{root + path: end for path, end in self._endpoints.items() for root in ROOTS},
                **{f"/v2{path}": self._endpoints[path] for path in V2_PATHS},
            }
        )
        self._rest: App = _starlette(Models(self._current), Health(self._current, live))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run the lifespan."""
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        endpoint = self._paths.get(scope["path"])
        model = None
        if endpoint is None:
            # OpenWebUI asks for //models where an address was typed with a slash at its end.
            scope["path"] = path = _SLASHES.sub("/", scope["path"])
            endpoint = self._paths.get(path)
            google = _GOOGLE.fullmatch(path) if endpoint is None else None
            if google is not None and scope["method"] == "POST":
                await self._generate(scope, receive, send, google)
                return
            azure = _AZURE.fullmatch(path) if endpoint is None else None
            if azure is not None:
                endpoint, model = self._endpoints.get(azure["path"]), azure["model"]
        if endpoint is None or scope["method"] != "POST":
            await self._rest(scope, receive, send)
        else:
            await endpoint(scope, receive, send, model)

    async def _generate(
        self, scope: Scope, receive: Receive, send: Send, found: re.Match[str]
    ) -> None:
        key = parse_qs(scope["query_string"]).get(b"key")
        if key:
            scope["headers"] = [*scope["headers"], (b"x-goog-api-key", key[0])]
        streams = found["verb"] == "streamGenerateContent"
        await self._endpoints[GENERATE.path](scope, receive, send, found["model"], streams)

    def _current(self) -> Runtime:
        return self.runtime


def _starlette(models: Models, health: Health) -> Starlette:
    listed = [Route(f"{root}/models", models.index) for root in ROOTS]
    each = [Route(f"{root}/models/{{model:path}}", models.one) for root in ROOTS]
    # Only what is no POST comes here by these paths, so all they ever answer is 405.
    posts = [
        Route(root + one.path, _nothing, methods=["POST"])
        for one in OPERATIONS
        for root in (*ROOTS, *(f"{root}/{{model:path}}" for root in MODEL_ROOTS))
        if one is not GENERATE
    ]
    rest = Starlette(
        routes=[
            *listed,
            Route("/health", health.health),
            Route("/health/liveliness", health.alive, methods=["GET", "OPTIONS"]),
            Route("/health/liveness", health.alive, methods=["GET", "OPTIONS"]),
            Route("/health/readiness", health.ready, methods=["GET", "OPTIONS"]),
            Route("/", health.root),
            *each,
            *posts,
            *(Route(f"/v2{path}", _nothing, methods=["POST"]) for path in V2_PATHS),
        ],
        exception_handlers={HTTPException: http_error, Exception: http_error},
    )
    rest.router.redirect_slashes = False
    return rest


async def _nothing(request: Request) -> Response:
    raise HTTPException(404)
