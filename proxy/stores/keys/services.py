"""Signs services in by tokens of another issuer (JWT).

The rule: a token is believed only if a key of the issuer signed it, by a method with a public key,
and for as long as it says itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import orjson

from pipelines.clock import Clock
from pipelines.errors import StoreUnavailable, Unauthenticated, UpstreamError
from pipelines.exchange import Principal
from pipelines.parties import Party
from proxy.config.services import ServiceSettings

# None of these can be made with what the public knows.
METHODS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
LEEWAY = 10
AGAIN_AFTER = 30.0

_LARGEST_KEYS = 1_048_576
_NOT_LOADED = "The keys that tokens are checked with cannot be read just now; please try again."

Fetch = Callable[[str], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Signed:
    """What a good token says; `expires` in seconds since 1970."""

    principal: Principal
    party: Party
    team_id: str | None
    is_admin: bool
    creates_user: bool
    expires: float


class Services:
    """Checks tokens; `fetch` reads the issuer's public keys from an address."""

    def __init__(self, settings: ServiceSettings, fetch: Fetch, clock: Clock) -> None:
        self._settings = settings
        self._fetch = fetch
        self._clock = clock
        self._keys: tuple[jwt.PyJWK, ...] = ()
        self._read_at: float | None = None

    def is_token(self, secret: str) -> bool:
        """Whether a secret has the form of a token."""
        return secret.startswith("eyJ") and secret.count(".") == 2

    async def signed(self, token: str) -> Signed:
        """What a token says. Raises Unauthenticated, and StoreUnavailable where the issuer's keys
        cannot be read."""
        claims = await self._claims(token)
        settings = self._settings
        scopes = claims.get("scope", claims.get("scp", ""))
        listed = scopes.split() if isinstance(scopes, str) else scopes
        is_admin = isinstance(listed, list) and settings.admin_scope in listed
        user, email = _text(claims, settings.user_field), _text(claims, settings.email_field)
        if settings.email_domain and not _in_domain(email, settings.email_domain):
            raise _bad("the email address is not of an allowed domain")
        roles = _claim(claims, settings.roles_field)
        held = roles if isinstance(roles, list) else [roles]
        if settings.allowed_roles and not is_admin and not _share(held, settings.allowed_roles):
            raise _bad("none of its roles is allowed")
        organization = _text(claims, settings.organization_field)
        principal = Principal(
            alias=user or "service",
            user_id=user,
            organization_id=organization,
            role="proxy_admin" if is_admin else "internal_user",
        )
        if not is_admin and user is None and self._team(claims) is None:
            raise _bad("it names neither a user nor a team")
        return Signed(
            principal=principal,
            party=Party(
                end_user=_text(claims, settings.end_user_field),
                user=user,
                email=email,
                name=_text(claims, "name"),
            ),
            team_id=None if is_admin else self._team(claims),
            is_admin=is_admin,
            creates_user=settings.creates_users and user is not None,
            expires=float(claims["exp"]),
        )

    def _team(self, claims: Mapping[str, Any]) -> str | None:
        settings = self._settings
        found = _text(claims, settings.team_field)
        if found is None and settings.teams_field:
            listed = _claim(claims, settings.teams_field)
            names = listed if isinstance(listed, list) else []
            found = next((one for one in names if isinstance(one, str) and one), None)
        return found or settings.team_default

    async def _claims(self, token: str) -> Mapping[str, Any]:
        try:
            head = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise _bad("it cannot be read") from None
        key = await self._key(head.get("kid"), str(head.get("alg")))
        settings = self._settings
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[str(head.get("alg"))],
                audience=settings.audience,
                issuer=settings.issuer,
                leeway=LEEWAY,
                options={"require": ["exp"], "verify_aud": settings.audience is not None},
            )
        except jwt.ExpiredSignatureError:
            raise _bad("it is expired") from None
        except (jwt.InvalidTokenError, jwt.InvalidKeyError):
            raise _bad("it is not valid") from None
        return claims

    async def _key(self, id: object, method: str) -> jwt.PyJWK:
        if method not in METHODS:
            raise _bad("it is not signed in a way that is allowed")
        found = self._named(id, method) if self._is_fresh() else None
        if found is None and self._may_read():
            await self._read()
            found = self._named(id, method)
        if found is None:
            raise _bad("no known key signed it")
        return found

    def _named(self, id: object, method: str) -> jwt.PyJWK | None:
        fitting = [one for one in self._keys if one.algorithm_name == method]
        for one in fitting:
            if one.key_id == id and id is not None:
                return one
        nameless = [one for one in fitting if one.key_id is None or id is None]
        return nameless[0] if len(nameless) == 1 else None

    def _is_fresh(self) -> bool:
        age = self._age()
        return age is not None and age < self._settings.public_key_ttl

    def _may_read(self) -> bool:
        # A token with a key's name that nobody knows must not make us ask the issuer each time.
        age = self._age()
        return age is None or age >= min(AGAIN_AFTER, self._settings.public_key_ttl)

    def _age(self) -> float | None:
        return None if self._read_at is None else self._clock.monotonic() - self._read_at

    async def _read(self) -> None:
        settings = self._settings
        try:
            if settings.public_key is not None:
                raw = settings.public_key.encode()
            elif settings.public_key_file is not None:
                raw = _file(settings.public_key_file)
            else:
                raw = await self._fetch(settings.public_key_url or "")
        except (OSError, UpstreamError):
            if not self._keys:
                raise StoreUnavailable(_NOT_LOADED) from None
        else:
            self._keys = public_keys(raw[:_LARGEST_KEYS])
        self._read_at = self._clock.monotonic()


def public_keys(raw: bytes) -> tuple[jwt.PyJWK, ...]:
    """The public keys of a JWKS, or of a text in PEM, once for each method it can serve; a key of
    another kind is left out."""
    if raw.lstrip().startswith(b"-----BEGIN"):
        return tuple(_of_pem(raw))
    try:
        listed = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return ()
    found: list[jwt.PyJWK] = []
    keys = listed.get("keys", [listed]) if isinstance(listed, Mapping) else []
    for one in keys if isinstance(keys, list) else []:
        if (
            not isinstance(one, Mapping)
            or one.get("use", "sig") != "sig"
            or one.get("kty") == "oct"
        ):
            continue
        for method in _methods(one):
            try:
                found.append(jwt.PyJWK(dict(one), algorithm=method))
            except (jwt.PyJWKError, jwt.InvalidKeyError):
                continue
    return tuple(found)


def _file(path: str) -> bytes:
    return Path(path).read_bytes()


def _methods(key: Mapping[str, Any]) -> tuple[str, ...]:
    named = key.get("alg")
    if named is not None:
        return (named,) if named in METHODS else ()
    curve = key.get("crv")
    by_curve = {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",)}
    if key.get("kty") == "RSA":
        return tuple(one for one in METHODS if one.startswith(("RS", "PS")))
    return by_curve.get(str(curve), ("EdDSA",) if key.get("kty") == "OKP" else ())


def _of_pem(raw: bytes) -> list[jwt.PyJWK]:
    found: list[jwt.PyJWK] = []
    for method in METHODS:
        algorithm = jwt.get_algorithm_by_name(method)
        try:
            known = algorithm.to_jwk(algorithm.prepare_key(raw), as_dict=True)
            found.append(jwt.PyJWK({**known, "alg": method}, algorithm=method))
        except (TypeError, ValueError, jwt.InvalidKeyError, jwt.PyJWKError):
            continue
    return found


def _claim(claims: Mapping[str, Any], name: str) -> object:
    found: object = claims
    for step in (name,) if name in claims else name.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _text(claims: Mapping[str, Any], name: str | None) -> str | None:
    found = _claim(claims, name) if name else None
    return found.strip() or None if isinstance(found, str) else None


def _share(held: Collection[object], allowed: Collection[str]) -> bool:
    return any(one in held for one in allowed)


def _in_domain(email: str | None, domain: str) -> bool:
    return email is not None and email.rpartition("@")[2].lower() == domain.lower()


def _bad(why: str) -> Unauthenticated:
    return Unauthenticated(f"Authentication Error, the token is refused: {why}.")
