"""Encrypts what must be read again, such as the key of a provider in a model added at run time.

The rule: a sealed text opens only with the salt key that sealed it and only in the row that it was
sealed for; what cannot be opened says so and shows nothing.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import orjson

VERSION = "v1."
_USE = b"headgate stored parameters v1"
_NONCE_BYTES = 12
_KEY_BYTES = 32


class CannotOpen(Exception):
    """A sealed text that another salt key sealed, or that was changed."""

    def __init__(self) -> None:
        super().__init__("it was sealed with another HEADGATE_SALT_KEY, or has been changed")


class Sealer:
    """Seals and opens with AES-256-GCM under a key derived from the salt key."""

    def __init__(self, salt_key: str) -> None:
        # It is large, and without a salt key nobody needs it.
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        self._changed = InvalidTag
        derived = HKDF(SHA256(), _KEY_BYTES, None, _USE).derive(salt_key.encode())
        self._cipher = AESGCM(derived)

    def __repr__(self) -> str:
        return "Sealer(…)"

    def seal(self, values: Mapping[str, Any], owner: str) -> str:
        """The values as a text that only `open` can read, and only for this owner."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        closed = self._cipher.encrypt(nonce, orjson.dumps(dict(values)), owner.encode())
        return VERSION + urlsafe_b64encode(nonce + closed).decode()

    def open(self, sealed: str, owner: str) -> dict[str, Any]:
        """The values that were sealed for this owner. Raises CannotOpen."""
        try:
            raw = urlsafe_b64decode(sealed.removeprefix(VERSION))
            nonce, closed = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
            values = orjson.loads(self._cipher.decrypt(nonce, closed, owner.encode()))
        except (self._changed, ValueError):
            raise CannotOpen from None
        if not isinstance(values, dict):
            raise CannotOpen
        return values
