"""Digests of secrets."""

from __future__ import annotations

import hashlib

from proxy.stores.keys.digest import digest, is_digest


def test_a_digest_is_sha_256_as_litellm_keeps_it() -> None:
    assert digest("sk-1") == hashlib.sha256(b"sk-1").hexdigest()


def test_a_pepper_changes_the_digest_and_each_pepper_in_another_way() -> None:
    assert len({digest("sk-1"), digest("sk-1", "a"), digest("sk-1", "b")}) == 3
    assert digest("sk-1", "") == digest("sk-1")


def test_a_secret_sent_as_utf_8_has_the_digest_of_what_was_sent() -> None:
    seen = "sk-ü".encode().decode("latin-1")
    assert digest(seen) == hashlib.sha256("sk-ü".encode()).hexdigest()


def test_a_text_that_no_header_can_hold_has_a_digest_too() -> None:
    assert is_digest(digest("\udc80"))
    assert is_digest(digest("€"))


def test_a_secret_is_no_digest() -> None:
    assert is_digest(digest("a"))
    assert not is_digest("sk-" + "a" * 61)
    assert not is_digest(digest("a").upper())
