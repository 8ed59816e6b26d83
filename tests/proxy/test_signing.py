"""A receiver can check who sent a body."""

from __future__ import annotations

import hashlib
import hmac

from proxy.signing import SIGNATURE, TIMESTAMP, signed


def test_the_signature_is_of_the_moment_and_the_body() -> None:
    headers = signed("a secret", b"{}", 1_793_000_000.9)
    assert headers[TIMESTAMP] == "1793000000"
    found = hmac.new(b"a secret", b"1793000000.{}", hashlib.sha256).hexdigest()
    assert headers[SIGNATURE] == f"sha256={found}"


def test_another_body_moment_or_secret_has_another_signature() -> None:
    cases = [("a", b"1", 1.0), ("b", b"1", 1.0), ("a", b"2", 1.0), ("a", b"1", 2.0)]
    assert len({signed(*case)[SIGNATURE] for case in cases}) == len(cases)
