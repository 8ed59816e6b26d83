"""The ASGI application.

The rule: calls to models are found by one look into a table; everything else is Starlette's.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipelines.operations import GENERATE, GENERATE_ARRAY, OPERATIONS
from proxy.admin.late import LateAdmin
from proxy.http.asgi import App, Receive, Scope, Send
from proxy.http.google_models import GoogleModels
from proxy.http.health import Health
from proxy.http.inference import Inference
from proxy.http.live import Live
from proxy.http.metrics import MetricsPage
from proxy.http.models import Models
from proxy.http.ollama import Ollama
from proxy.http.plain import http_error
from proxy.http.responses import Responses
from proxy.runtime import Runtime

Answer = Callable[[Request], Awaitable[Response]]

ROOTS = ("", "/v1", "/openai/v1")
MODEL_ROOTS = ("/openai/deployments", "/engines")
# Cohere's clients ask under a root of their own.
V2_PATHS = ("/rerank",)

_SLASHES = re.compile("/{2,}")
# Google's clients name the model and what they want by the address, and may put the key into it.
GOOGLE_HEADERS = frozenset({"x-goog-api-key", "x-goog-api-client"})
GOOGLE_ROOTS = ("/v1beta", "/v1beta1", "/v1", "")
_VERBS = MappingProxyType(
    {one.path.rpartition(":")[2]: one for one in OPERATIONS if ":" in one.path}
)
_PATHS = "|".join(one.path for one in OPERATIONS if ":" not in one.path)
_AZURE = re.compile(f"(?:{'|'.join(MODEL_ROOTS)})/(?P<model>.+?)(?P<path>{_PATHS})")

_GOOGLE = re.compile(
    f"(?:{'|'.join(GOOGLE_ROOTS)})"
    # Vertex AI's clients name a project, a location and a publisher too.
    r"(?:/projects/[^/]+/locations/[^/]+/publishers/[^/]+)?"
    f"/models/(?P<model>.+):(?P<verb>{'|'.join(_VERBS)})"
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
        self._rest: App = _starlette(
            Models(self._current),
            _states(Health(self._current, live), MetricsPage(self._current, live)),
            Responses(self._current),
            Ollama(self._current),
            GoogleModels(self._current),
            LateAdmin(self._current),
        )

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
        query = parse_qs(scope["query_string"])
        if b"key" in query:
            scope["headers"] = [*scope["headers"], (b"x-goog-api-key", query[b"key"][0])]
        operation = _VERBS[found["verb"]]
        streams = operation is GENERATE_ARRAY
        if streams and query.get(b"alt") == [b"sse"]:
            operation = GENERATE
        await self._endpoints[operation.path](scope, receive, send, found["model"], streams)

    def _current(self) -> Runtime:
        return self.runtime


def _starlette(
    models: Models,
    states: Sequence[Route],
    responses: Responses,
    ollama: Ollama,
    google: GoogleModels,
    admin: LateAdmin,
) -> Starlette:
    index, one = _either(models.index, google.index), _either(models.one, google.one)
    listed = [Route(f"{root}/models", index) for root in ROOTS]
    each = [Route(f"{root}/models/{{model:path}}", one) for root in ROOTS]
    kept = [
        route
        for root in ROOTS
        for route in (
            Route(f"{root}/responses/{{id}}", responses.one, methods=["GET", "DELETE"]),
            Route(f"{root}/responses/{{id}}/input_items", responses.input_items),
        )
    ]
    # Only what is no POST comes here by these paths, so all they ever answer is 405.
    posts = [
        Route(root + one.path, _nothing, methods=["POST"])
        for one in OPERATIONS
        for root in (*ROOTS, *(f"{root}/{{model:path}}" for root in MODEL_ROOTS))
        if ":" not in one.path
    ]
    rest = Starlette(
        routes=[
            *listed,
            *states,
            *each,
            *kept,
            *posts,
            *(Route(f"/v2{path}", _nothing, methods=["POST"]) for path in V2_PATHS),
            *_ollamas(ollama),
            *_googles(google),
            admin,
        ],
        exception_handlers={HTTPException: http_error, Exception: http_error},
    )
    rest.router.redirect_slashes = False
    return rest


def _states(health: Health, metrics: MetricsPage) -> list[Route]:
    return [
        Route("/metrics", metrics.text),
        Route("/metrics/", metrics.text),
        Route("/health", health.health),
        Route("/health/liveliness", health.alive, methods=["GET", "OPTIONS"]),
        Route("/health/liveness", health.alive, methods=["GET", "OPTIONS"]),
        Route("/health/readiness", health.ready, methods=["GET", "OPTIONS"]),
        Route("/", health.root),
    ]


def _ollamas(ollama: Ollama) -> list[Route]:
    every = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    return [
        Route("/api/tags", ollama.tags),
        Route("/api/ps", ollama.running),
        Route("/api/version", ollama.version),
        Route("/api/show", ollama.show, methods=["POST"]),
        Route("/api/{path:path}", ollama.nothing, methods=every),
    ]


def _either(ours: Answer, googles: Answer) -> Answer:
    """Google's SDK asks below /v1 too, and is known by its headers."""

    async def answer(request: Request) -> Response:
        google = not GOOGLE_HEADERS.isdisjoint(request.headers.keys())
        return await (googles if google else ours)(request)

    return answer


def _googles(google: GoogleModels) -> list[Route]:
    return [
        Route("/v1beta/models", google.index),
        Route("/v1beta/models/{model:path}", google.one),
    ]


async def _nothing(request: Request) -> Response:
    raise HTTPException(404)
