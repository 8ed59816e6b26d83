"""Signs what is sent to webhooks.

The rule: the receiver can tell that a body is ours and of this moment; the secret is in no text.
"""

from __future__ import annotations

import hashlib
import hmac

SIGNATURE = "X-Headgate-Signature"
TIMESTAMP = "X-Headgate-Timestamp"


def signed(secret: str, body: bytes, moment: float) -> dict[str, str]:
    """The headers by which the receiver knows that the body is ours and of this moment: the
    HMAC-SHA-256 of the timestamp (whole seconds since 1970), a dot and the body."""
    stamp = str(int(moment))
    found = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {TIMESTAMP: stamp, SIGNATURE: f"sha256={found}"}
