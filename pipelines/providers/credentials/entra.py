"""Tokens of Microsoft Entra ID for an application that has a secret of its own.

The rule: plain OAuth 2.0 with client credentials; what the service refuses is told by its code,
and never with the secret.
Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import orjson

from pipelines.errors import Denied, UpstreamFailed
from pipelines.providers.credentials.tokens import Token

AUTHORITY = "https://login.microsoftonline.com"
SCOPE = "https://cognitiveservices.azure.com/.default"

# The body of a form to an address; gives the status and the body of the answer.
Post = Callable[[str, bytes], Awaitable[tuple[int, bytes]]]

_CODE = re.compile(r"AADSTS\d+")


@dataclass(frozen=True, slots=True)
class Application:
    """An application of a tenant, and what it asks for."""

    tenant: str
    client: str
    secret: str = field(repr=False)
    scope: str = SCOPE
    authority: str = AUTHORITY


class Entra:
    """Fetches tokens for an application."""

    def __init__(self, application: Application, post: Post) -> None:
        who = application
        self._url = f"{who.authority.rstrip('/')}/{quote(who.tenant, safe='')}/oauth2/v2.0/token"
        self._form = urlencode(
            {
                "grant_type": "client_credentials",
                "client_id": who.client,
                "client_secret": who.secret,
                "scope": who.scope,
            }
        ).encode()
        self._post = post

    async def fetch(self) -> Token:
        """A new token. Raises Denied, UpstreamFailed, and what the post raises."""
        status, body = await self._post(self._url, self._form)
        answer = _object(body)
        value, lifetime = answer.get("access_token"), answer.get("expires_in")
        if status == 200 and isinstance(value, str) and value:
            return Token(value, _seconds(lifetime))
        if status in (400, 401, 403):
            raise Denied(
                f"Microsoft Entra ID gives the gateway no token ({_why(answer) or status}). The "
                "operator needs to check tenant_id, client_id, client_secret and azure_scope."
            )
        raise UpstreamFailed(f"Microsoft Entra ID answered {status} when asked for a token.")


def _object(body: bytes) -> dict[str, object]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _seconds(value: object) -> float:
    # Older versions write the number as text.
    return float(str(value)) if str(value).isdigit() else 3_600.0


def _why(answer: dict[str, object]) -> str:
    code = answer.get("error")
    found = _CODE.search(str(answer.get("error_description") or ""))
    words = (code[:40] if isinstance(code, str) else "", found[0] if found else "")
    return ", ".join(word for word in words if word)
