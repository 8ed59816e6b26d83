"""Small JSON answers of the gateway itself, and its errors outside of calls.

The rule: every answer is JSON, errors have OpenAI's shape, and nothing redirects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pipelines.dialects.openai import error_body
from pipelines.errors import ClientError, GatewayError
from proxy.http.headers import error_headers


class JsonReply(Response):
    """An answer as JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The content as bytes."""
        return orjson.dumps(content)


def error_reply(error: GatewayError) -> Response:
    """An error in OpenAI's shape."""
    headers = {name.decode(): value.decode() for name, value in error_headers(error)}
    return Response(error_body(error), error.status, headers)


async def http_error(request: Request, error: Exception) -> Response:
    """Starlette's own errors (no such path, wrong method) in OpenAI's shape."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    answer = ClientError(_words(status, request))
    answer.status = status
    if status >= 500:
        answer.type = "internal_server_error"
    elif status == 404:
        answer.type = "not_found_error"
    reply = error_reply(answer)
    if isinstance(error, HTTPException) and error.headers:
        reply.headers.update(error.headers)
    return reply


def _words(status: int, request: Request) -> str:
    path = request.scope["path"][:200]
    if status == 404:
        return f"There is nothing at {request.method} {path}. The API's root is /v1."
    if status == 405:
        return f"{request.method} is not allowed at {path}."
    return f"The request could not be answered ({status})."


def model_entry(name: str) -> dict[str, object]:
    """One model in OpenAI's list; the date is the one that LiteLLM gives to all."""
    return {"id": name, "object": "model", "created": 1677610602, "owned_by": "openai"}


def model_list(names: Sequence[str]) -> dict[str, object]:
    """OpenAI's list of models."""
    return {"object": "list", "data": [model_entry(name) for name in names]}
