"""Where a client puts its key.

The rule: LiteLLM's order, first match wins; a key in a header that asks for a scheme must have it.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.errors import Unauthenticated
from pipelines.events import Headers

LITELLM_HEADER = b"x-litellm-api-key"

_BARE_HEADERS = (b"api-key", b"x-api-key", b"x-goog-api-key", b"ocp-apim-subscription-key")
_NO_KEY = "Authentication Error, No api key passed in."
_MALFORMED = (
    "Authentication Error, Malformed API Key passed in. Ensure Key has `Bearer ` prefix in the "
    "Authorization header."
)


def presented_secret(headers: Headers, key_header: bytes = LITELLM_HEADER) -> str | None:
    """The secret that a client sent, or None where it sent none. Raises Unauthenticated where the
    Authorization header holds something else."""
    return secret_in(dict(reversed(headers)), key_header)


def secret_in(found: Mapping[bytes, bytes], key_header: bytes = LITELLM_HEADER) -> str | None:
    """The same of the first value of each header."""
    own = found.get(key_header)
    if own:
        return _text(own.removeprefix(b"Bearer "))
    authorization = found.get(b"authorization")
    if authorization:
        scheme, _, secret = authorization.partition(b" ")
        if scheme.lower() != b"bearer":
            raise Unauthenticated(_MALFORMED)
        return _text(secret)
    for name in _BARE_HEADERS:
        bare = found.get(name)
        if bare:
            return _text(bare)
    return None


def refusal(secret: str | None) -> Unauthenticated:
    """The error for a stranger; it never repeats what was sent."""
    if secret is None:
        return Unauthenticated(_NO_KEY)
    error = Unauthenticated("Authentication Error, Invalid API key provided.")
    error.type = "token_not_found_in_db"
    error.code = "invalid_api_key"
    error.param = "key"
    return error


def _text(secret: bytes) -> str | None:
    return secret.decode("latin-1").strip() or None
