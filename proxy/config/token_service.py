"""Asks a token service, from a thread of its own.

The rule: it never blocks the loop and never takes longer than ten seconds; an answer of any status
is an answer, and silence is an error that names the service's host and nothing more of its address.
"""

from __future__ import annotations

import http.client
from asyncio import to_thread
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from pipelines.errors import ConnectFailed

PATIENCE = 10.0
LARGEST = 1 << 20
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a token service answered."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class _Stay(HTTPRedirectHandler):
    """Follows nobody: a secret goes to the address that was configured, and to no other."""

    def redirect_request(self, *_: object) -> None:
        return None


def ask(
    url: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    patience: float = PATIENCE,
) -> Answer:
    """The answer; blocks. Raises ConnectFailed."""
    host = urlsplit(url).hostname or "the token service"
    if not url.startswith(("https://", "http://")):
        raise ConnectFailed("The address of the token service is not one of HTTP.")
    request = Request(url, data=body, headers=dict(headers or {}), method=method)
    try:
        with build_opener(_Stay).open(request, timeout=min(patience, PATIENCE)) as reply:
            return Answer(reply.status, dict(reply.headers), reply.read(LARGEST))
    except HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read(LARGEST))
    except (OSError, http.client.HTTPException) as error:
        raise ConnectFailed(
            f"The token service at {host} could not be asked ({type(error).__name__})."
        ) from None


async def post(url: str, form: bytes) -> tuple[int, bytes]:
    """The status and the body of the answer to a form. Raises ConnectFailed."""
    answer = await to_thread(ask, url, "POST", form, {"Content-Type": FORM})
    return answer.status, answer.data
