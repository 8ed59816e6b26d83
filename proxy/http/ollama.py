"""What Ollama's clients ask beside calls: which models there are, what one can do, which version.

The rule: answered from memory, with the keys and names of `/v1/models`; errors have Ollama's shape.
What the gateway cannot know of a model (its size, its template) is empty.
Sources: https://docs.ollama.com/api/tags, https://docs.ollama.com/api-reference/show-model-details
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pipelines.call import parse_object
from pipelines.dialects.ollama.dialect import error_body
from pipelines.errors import BadCall, ClientError, GatewayError, UnknownModel
from proxy.http.body import ClientGone, read_body
from proxy.http.headers import error_headers
from proxy.http.models import find_principal, known_models
from proxy.http.plain import JsonReply
from proxy.runtime import Runtime

# The release whose interface is spoken here; clients refuse servers that are too old for them.
VERSION = "0.32.0"
MAX_BODY = 64 * 1024

# The date that LiteLLM gives to all models.
_MODIFIED = "2023-02-28T18:56:42Z"
_ARCHITECTURE = "headgate"
# Whether a model really can is told by the call; clients hide from people what is not listed here.
_CAPABILITIES = ("completion", "tools", "vision")


class Ollama:
    """Answers the questions of Ollama's clients."""

    def __init__(self, current: Callable[[], Runtime]) -> None:
        self._current = current

    async def tags(self, request: Request) -> Response:
        """The models that the caller may use."""
        try:
            _, names = await known_models(self._current(), request)
        except GatewayError as error:
            return refused(error)
        return JsonReply({"models": [_entry(name) for name in names]})

    async def running(self, request: Request) -> Response:
        """The models in memory: a gateway has none."""
        try:
            await find_principal(self._current(), request)
        except GatewayError as error:
            return refused(error)
        return JsonReply({"models": []})

    async def version(self, request: Request) -> Response:
        """The version of Ollama's interface."""
        try:
            await find_principal(self._current(), request)
        except GatewayError as error:
            return refused(error)
        return JsonReply({"version": VERSION})

    async def show(self, request: Request) -> Response:
        """What is known of one model, or 404."""
        runtime = self._current()
        try:
            principal, names = await known_models(runtime, request)
            name = _asked(await _body(request))
            if not principal.may_use(name) or not (name in names or runtime.routes.find(name)):
                raise UnknownModel(name, names)
        except GatewayError as error:
            return refused(error)
        return JsonReply(
            {
                "modelfile": "",
                "parameters": "",
                "template": "",
                "details": _details(),
                "model_info": {"general.architecture": _ARCHITECTURE, "general.basename": name},
                "capabilities": _CAPABILITIES,
                "modified_at": _MODIFIED,
                **_remote(name),
            }
        )

    async def nothing(self, request: Request) -> Response:
        """404 for what only a server with models of its own can do."""
        path = request.scope["path"][:200]
        error = ClientError(f"The gateway has nothing at {request.method} {path}.")
        error.status = 404
        return refused(error)


def refused(error: GatewayError) -> Response:
    """An error in Ollama's shape."""
    headers = {name.decode(): value.decode() for name, value in error_headers(error)}
    return Response(error_body(error), error.status, headers)


async def _body(request: Request) -> dict[str, Any]:
    try:
        raw = await read_body(request.receive, request.scope["headers"], MAX_BODY)
    except ClientGone:
        raw = b""
    return parse_object(raw)


def _asked(body: dict[str, Any]) -> str:
    # Older clients say `name`.
    name = body.get("model") or body.get("name")
    if not isinstance(name, str):
        raise BadCall("The field 'model' is missing.", "model")
    return name


def _entry(name: str) -> dict[str, object]:
    return {
        "name": name,
        "model": name,
        "modified_at": _MODIFIED,
        "size": 0,
        # Clients tell models apart by it.
        "digest": hashlib.sha256(name.encode()).hexdigest(),
        "details": _details(),
        **_remote(name),
    }


def _remote(name: str) -> dict[str, object]:
    # So Ollama's own command line does not try to load the model.
    return {"remote_model": name, "remote_host": _ARCHITECTURE}


def _details() -> dict[str, object]:
    return {
        "parent_model": "",
        "format": "",
        "family": _ARCHITECTURE,
        "families": [_ARCHITECTURE],
        "parameter_size": "",
        "quantization_level": "",
    }
