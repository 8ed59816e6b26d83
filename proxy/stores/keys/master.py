"""The key of the operator, and the open door of the quickstart.

The rule: secrets are compared as digests in constant time, and never kept in the clear.
"""

from __future__ import annotations

import hashlib
import hmac
from contextlib import suppress

from pipelines.allowance import Allowance
from pipelines.exchange import Principal

MASTER = "master"
OPEN = "anonymous"


class MasterKeys:
    """Knows one key, which may do everything."""

    def __init__(self, master_key: str) -> None:
        self._digest = _digest(master_key.encode())
        self._principal = master_principal(self._digest.hex())

    async def find(self, secret: str | None) -> Principal | None:
        """The operator, or None for everybody else."""
        if not secret:
            return None
        raw = secret.encode()
        if not secret.isascii():
            # Headers are read as latin-1, whatever the client wrote.
            with suppress(UnicodeEncodeError):
                raw = secret.encode("latin-1")
        return self._principal if hmac.compare_digest(_digest(raw), self._digest) else None

    async def holder(self, digest: str) -> Principal | None:
        """The operator, or None for everybody else."""
        return self._principal if digest == self._digest.hex() else None


class OpenKeys:
    """Takes everybody in, with any key or none: only for an address that nobody else can reach."""

    def __init__(self) -> None:
        # A page in this machine's browser may call too: it must not make keys that outlive the
        # open door.
        self._principal = Principal(OPEN, role="customer")

    async def find(self, secret: str | None) -> Principal | None:
        """The anonymous caller."""
        return self._principal

    async def holder(self, digest: str) -> Principal | None:
        """The anonymous caller."""
        return self._principal


def master_principal(digest: str) -> Principal:
    """The operator, who may do everything."""
    return Principal(MASTER, digest, allowances=(Allowance(f"key:{MASTER}", f"Key={MASTER}"),))


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
