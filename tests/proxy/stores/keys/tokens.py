"""Tokens as OpenWebUI and an issuer sign them, good ones and bad ones."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

OPENWEBUI_SECRET = "openwebui-secret-0123456789-0123456789"


def a_user_token(secret: str = OPENWEBUI_SECRET, method: str = "HS256", **more: Any) -> str:
    """A token as OpenWebUI sends it in X-OpenWebUI-User-Jwt."""
    now = int(time.time())
    claims = {
        "sub": "u1",
        "email": "u1@x.example",
        "name": "Ann",
        "role": "user",
        "iss": "open-webui",
        "iat": now,
        "exp": now + 300,
        **more,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, secret if method != "none" else "", algorithm=method)


@cache
def rsa_key(number: int = 0) -> rsa.RSAPrivateKey:
    """A private key, the same one for the same number."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    """A private key on a curve."""
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """The public half as a text."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def jwks(*keys: tuple[str, rsa.RSAPrivateKey]) -> bytes:
    """The public halves as an issuer publishes them, each under its name."""
    algorithm = jwt.get_algorithm_by_name("RS256")
    listed = [
        {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": name, "use": "sig"}
        for name, key in keys
    ]
    return orjson.dumps({"keys": listed})


def a_service_token(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None = None,
    kid: str | None = "one",
    method: str = "RS256",
    **more: Any,
) -> str:
    """A token as an identity provider signs it."""
    now = int(time.time())
    claims = {"sub": "svc", "exp": now + 300, "iat": now, **more}
    kept = {name: value for name, value in claims.items() if value is not None}
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(kept, key or rsa_key(), algorithm=method, headers=headers)
