"""What is sealed opens with its own salt key and in its own row, and nowhere else."""

from __future__ import annotations

import pytest

from proxy.stores.entities.sealing import VERSION, CannotOpen, Sealer

SECRET = "sk-provider-0123456789abcdef"


def test_what_was_sealed_opens_again() -> None:
    sealed = Sealer("a salt key").seal({"api_key": SECRET, "rpm": 3}, "one")
    assert Sealer("a salt key").open(sealed, "one") == {"api_key": SECRET, "rpm": 3}


def test_the_sealed_text_shows_nothing_and_is_new_each_time() -> None:
    sealer = Sealer("a salt key")
    first, second = sealer.seal({"api_key": SECRET}, "one"), sealer.seal({"api_key": SECRET}, "one")
    assert SECRET not in first
    assert first != second
    assert "salt" not in repr(sealer)


@pytest.mark.parametrize(("salt", "owner"), [("another", "one"), ("a salt key", "two")])
def test_another_salt_key_or_another_row_does_not_open_it(salt: str, owner: str) -> None:
    sealed = Sealer("a salt key").seal({"api_key": SECRET}, "one")
    with pytest.raises(CannotOpen) as raised:
        Sealer(salt).open(sealed, owner)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("text", ["", VERSION, "v1.AAAA", "v1.%%%", "ü", "v1." + "A" * 400])
def test_a_text_that_was_changed_does_not_open(text: str) -> None:
    with pytest.raises(CannotOpen):
        Sealer("a salt key").open(text, "one")
