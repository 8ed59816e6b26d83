"""Foreign reasoning inside a reasoning item's `encrypted_content`, and back out of it.

The rule: what OpenAI's family encrypted stands there bare; a signature or a redacted thought of
another family is wrapped, so that it comes back byte for byte with the next turn.
"""

from __future__ import annotations

import base64
import binascii

import orjson

FAMILY = "openai"
XAI = "xai"

_MARK = "headgate.1."


def family_of(provider: str) -> str:
    """Whose encrypted reasoning a provider of this title gives and takes."""
    return XAI if provider.lower().startswith(XAI) else FAMILY


def wrap(family: str, signature: str, data: str) -> str:
    """What stands in `encrypted_content` for a signature or a redacted thought."""
    if data and family in ("", FAMILY):
        return data
    packed = orjson.dumps({"family": family, "signature": signature, "data": data})
    return _MARK + base64.urlsafe_b64encode(packed).decode()


def unwrap(encrypted: str) -> tuple[str, str, str]:
    """The family, the signature and the data that `encrypted_content` holds."""
    if not encrypted.startswith(_MARK):
        return FAMILY, "", encrypted
    try:
        held = orjson.loads(base64.urlsafe_b64decode(encrypted[len(_MARK) :]))
        return str(held["family"]), str(held["signature"]), str(held["data"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        return FAMILY, "", encrypted
