"""Which models the caller may use, as Google's clients ask for them.

The rule: the same models as in OpenAI's list, each with all that the gateway does for any of them;
the key may stand in the address.
Source: https://ai.google.dev/api/models
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from pipelines.dialects.gemini.faults import error_object
from pipelines.errors import BadCall, GatewayError, UnknownModel
from proxy.http.headers import error_headers
from proxy.http.models import known_models
from proxy.http.plain import JsonReply
from proxy.runtime import Runtime

PREFIX = "models/"
METHODS = (
    "generateContent",
    "streamGenerateContent",
    "countTokens",
    "embedContent",
    "batchEmbedContents",
)
PAGE = 50
LARGEST_PAGE = 1_000


class GoogleModels:
    """Lists the models, and answers for each of them."""

    def __init__(self, current: Callable[[], Runtime]) -> None:
        self._current = current

    async def index(self, request: Request) -> Response:
        """One page of what the caller may use."""
        try:
            begin = _number(request, "pageToken", 0)
            size = min(_number(request, "pageSize", PAGE) or PAGE, LARGEST_PAGE)
            _, names = await known_models(self._current(), _with_key(request))
        except GatewayError as error:
            return _refused(error)
        page: dict[str, Any] = {"models": [_entry(one) for one in names[begin : begin + size]]}
        if begin + size < len(names):
            page["nextPageToken"] = str(begin + size)
        return JsonReply(page)

    async def one(self, request: Request) -> Response:
        """One model, or 404."""
        name = request.path_params["model"]
        try:
            runtime = self._current()
            principal, names = await known_models(runtime, _with_key(request))
            if not principal.may_use(name) or not (name in names or runtime.routes.find(name)):
                raise UnknownModel(name, names)
        except GatewayError as error:
            return _refused(error)
        return JsonReply(_entry(name))


def _entry(name: str) -> dict[str, Any]:
    return {
        "name": PREFIX + name,
        "version": "001",
        "displayName": name,
        "supportedGenerationMethods": METHODS,
    }


def _number(request: Request, name: str, default: int) -> int:
    value = request.query_params.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise BadCall(f"The parameter {name!r} must be a number.", name)
    return int(value)


def _with_key(request: Request) -> Request:
    key = request.query_params.get("key")
    if not key:
        return request
    pair = (b"x-goog-api-key", key.encode("utf-8"))
    return Request({**request.scope, "headers": [*request.scope["headers"], pair]})


def _refused(error: GatewayError) -> Response:
    headers = {name.decode(): value.decode() for name, value in error_headers(error)}
    return Response(orjson.dumps(error_object(error)), error.status, headers)
