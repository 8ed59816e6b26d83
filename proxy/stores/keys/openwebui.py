"""Reads what OpenWebUI says of its user, where it signs it.

The rule: one method (HS256), a secret that both sides know, a token that is still young; everything
else is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.errors import Unauthenticated
from pipelines.parties import PartyRules
from proxy.config.identity import IdentitySettings

METHOD = "HS256"
ISSUER = "open-webui"
LEEWAY = 10


class SignedUsers:
    """Checks the tokens of one OpenWebUI."""

    def __init__(self, secret: str) -> None:
        # It brings cryptography with it, and without such a secret nobody needs it.
        import jwt

        self._key = jwt.PyJWK(
            {"kty": "oct", "k": jwt.utils.base64url_encode(secret.encode()).decode()},
            algorithm=METHOD,
        )

    def __call__(self, token: str) -> Mapping[str, Any]:
        """The claims of a token. Raises Unauthenticated."""
        import jwt

        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=[METHOD],
                issuer=ISSUER,
                leeway=LEEWAY,
                options={"require": ["exp", "sub"], "verify_aud": False},
            )
        except jwt.ExpiredSignatureError:
            raise _bad("it is expired") from None
        except (jwt.InvalidTokenError, jwt.InvalidKeyError):
            raise _bad("it is not valid") from None
        return claims


def party_rules(settings: IdentitySettings) -> PartyRules:
    """Where calls say for whom they are made."""
    secret, default = settings.openwebui_secret, PartyRules()
    return PartyRules(
        headers=settings.user_headers,
        verify=SignedUsers(secret) if secret else None,
        task_header=settings.task_header or default.task_header,
        groups_header=settings.groups_header or default.groups_header,
        task_model=settings.task_model,
        ends=settings.end_users,
        requires_user=settings.requires_user,
    )


def _bad(why: str) -> Unauthenticated:
    return Unauthenticated(
        f"Authentication Error, the token in X-OpenWebUI-User-Jwt is refused: {why}."
    )
