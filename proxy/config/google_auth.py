"""Tokens of Google accounts, by way of Google's own library.

The rule: the library is loaded where a model needs it; it works in a thread, and its HTTP is ours.
Source: https://cloud.google.com/docs/authentication/application-default-credentials
"""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from types import MappingProxyType
from typing import Any

from pipelines.errors import Denied, UpstreamFailed
from pipelines.providers.credentials.tokens import Token
from proxy.config.token_service import PATIENCE, Answer, ask

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
MISSING = "Google accounts need a library: pip install 'headgate[vertex]'"
LIFETIME = 3_600.0

_KINDS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "service_account": (
            "google.oauth2.service_account",
            "Credentials",
            "from_service_account_info",
        ),
        "authorized_user": (
            "google.oauth2.credentials",
            "Credentials",
            "from_authorized_user_info",
        ),
        "impersonated_service_account": (
            "google.auth.impersonated_credentials",
            "Credentials",
            "from_impersonated_service_account_info",
        ),
        "external_account": ("google.auth.identity_pool", "Credentials", "from_info"),
    }
)


class NoGoogle(Exception):
    """Nothing is there to pay Google with; the message says what to do."""


def account(info: Mapping[str, Any] | None) -> Callable[[], Awaitable[Token]]:
    """Fetches tokens for the account of a credentials file, or for the one that the machine knows.

    Raises NoGoogle.
    """
    try:
        failures: Any = import_module("google.auth.exceptions")
        library: Any = import_module("google.auth")
    except ImportError:
        raise NoGoogle(MISSING) from None
    # Finding the machine's own account may ask its metadata server: not before there is a call.
    found: list[Any] = [] if info is None else [_credentials(info, failures)]

    def fetch() -> Token:
        try:
            if not found:
                found.append(library.default(scopes=SCOPES, request=request)[0])
            found[0].refresh(request)
        except failures.DefaultCredentialsError:
            raise Denied(
                "The gateway has no Google account. The operator needs to set vertex_credentials "
                "or GOOGLE_APPLICATION_CREDENTIALS."
            ) from None
        except failures.TransportError as error:
            raise UpstreamFailed(f"Google's token service failed ({_why(error)}).") from None
        except failures.GoogleAuthError as error:
            if getattr(error, "retryable", False):
                raise UpstreamFailed(f"Google's token service failed ({_why(error)}).") from None
            raise Denied(
                f"Google gives the gateway no token ({_why(error)}). The operator needs to check "
                "vertex_credentials."
            ) from None
        return Token(found[0].token, _left(found[0].expiry))

    async def fetched() -> Token:
        return await to_thread(fetch)

    return fetched


def request(
    url: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,
    **_: Any,
) -> Answer:
    """What Google's library takes for a transport. Raises ConnectFailed."""
    raw = body.encode() if isinstance(body, str) else body
    return ask(url, method, raw, headers, PATIENCE if timeout is None else timeout)


def _credentials(info: Mapping[str, Any], failures: Any) -> Any:
    kind = str(info.get("type"))
    if kind not in _KINDS:
        raise NoGoogle(f"vertex_credentials: its type is none of {', '.join(_KINDS)}")
    module, cls, method = _KINDS[kind]
    if kind == "external_account":
        module = _source_of(info)
    try:
        made = getattr(getattr(import_module(module), cls), method)(info, scopes=SCOPES)
    except (failures.GoogleAuthError, ValueError, LookupError, TypeError, AttributeError) as error:
        # The library's own words may quote what it was given.
        raise NoGoogle(f"vertex_credentials: not usable ({type(error).__name__})") from None
    return made


def _source_of(info: Mapping[str, Any]) -> str:
    source = info.get("credential_source")
    source = source if isinstance(source, Mapping) else {}
    if str(source.get("environment_id") or "").startswith("aws"):
        return "google.auth.aws"
    return "google.auth.pluggable" if "executable" in source else "google.auth.identity_pool"


def _why(error: Exception) -> str:
    """The code of an error, such as invalid_grant, and none of its words."""
    code = str(error.args[0] if error.args else "").partition(":")[0].strip(" (\"'")
    return code if code.replace("_", "").isalnum() and len(code) < 60 else type(error).__name__


def _left(expiry: datetime | None) -> float:
    """The seconds until a moment, which the library gives in UTC without saying so."""
    if expiry is None:
        return LIFETIME
    moment = expiry.replace(tzinfo=UTC) if expiry.tzinfo is None else expiry
    return max(1.0, (moment - datetime.now(UTC)).total_seconds())
