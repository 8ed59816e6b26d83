"""How a secret is written down.

The rule: only digests are kept; with a pepper (the salt key) a stolen table is of no use alone.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from contextlib import suppress

_DIGEST = re.compile("[0-9a-f]{64}")


def digest(secret: str, pepper: str | None = None) -> str:
    """The digest of a secret as 64 hexadecimal digits: SHA-256, or HMAC-SHA-256 with a pepper."""
    raw = secret.encode("utf-8", "surrogatepass")
    if not secret.isascii():
        # Headers are read as latin-1, whatever the client wrote.
        with suppress(UnicodeEncodeError):
            raw = secret.encode("latin-1")
    if pepper:
        return hmac.new(pepper.encode(), raw, hashlib.sha256).hexdigest()
    return hashlib.sha256(raw).hexdigest()


def key_name(secret: str) -> str:
    """What is shown of a secret: its last four characters."""
    return f"sk-...{secret[-4:]}"


def is_digest(text: str) -> bool:
    """Whether a text looks like what `digest` gives, and not like a secret."""
    return _DIGEST.fullmatch(text) is not None
