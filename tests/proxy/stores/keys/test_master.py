"""The master key opens everything, and everything else opens nothing."""

from __future__ import annotations

import hmac

import pytest

from proxy.stores.keys import master
from proxy.stores.keys.master import MasterKeys, OpenKeys

KEY = "sk-0123456789abcdef"


async def test_the_key_is_the_operators_and_may_do_everything() -> None:
    principal = await MasterKeys(KEY).find(KEY)
    assert principal is not None
    assert principal.alias == "master"
    assert principal.may_use("anything")


@pytest.mark.parametrize(
    "secret",
    [None, "", " ", KEY[:-1], KEY + " ", KEY.upper(), "sk-" + "0" * 16, "ÿ", "\x00", "é" * 9],
)
async def test_everybody_else_is_a_stranger(secret: str | None) -> None:
    assert await MasterKeys(KEY).find(secret) is None


async def test_the_holder_of_the_keys_digest_is_the_operator() -> None:
    keys = MasterKeys(KEY)
    found = await keys.find(KEY)
    assert found is not None
    assert await keys.holder(found.digest) is found
    assert await keys.holder(KEY) is None
    assert await OpenKeys().holder("") == await OpenKeys().find(None)


async def test_an_empty_key_opens_nothing() -> None:
    keys = MasterKeys("")
    assert await keys.find("") is None
    assert await keys.find(None) is None


@pytest.mark.parametrize(
    "key", ["schlüssel-0123456789", "ключ-0123456789abc", "鍵-0123456789abcdef"]
)
async def test_a_key_beyond_ascii_is_found_as_it_comes_over_the_wire(key: str) -> None:
    # HTTP's headers are bytes, which are read as latin-1.
    assert await MasterKeys(key).find(key.encode().decode("latin-1")) is not None
    assert await MasterKeys(key).find(key.encode().decode("latin-1") + "x") is None


async def test_secrets_are_compared_as_digests_in_constant_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    class Spy:
        @staticmethod
        def compare_digest(first: bytes, second: bytes) -> bool:
            compared.append((first, second))
            return hmac.compare_digest(first, second)

    monkeypatch.setattr(master, "hmac", Spy)
    for secret in (KEY, "wrong", "x" * 10_000):
        await MasterKeys(KEY).find(secret)
    assert compared
    assert {len(one) for pair in compared for one in pair} == {32}


async def test_the_key_is_kept_nowhere_in_the_clear() -> None:
    keys = MasterKeys(KEY)
    principal = await keys.find(KEY)
    assert KEY not in repr(keys) + repr(vars(keys)) + repr(principal)
    assert principal is not None
    assert principal.digest
    assert KEY not in principal.digest


@pytest.mark.parametrize("secret", [None, "", "sk-anything"])
async def test_the_open_door_takes_everybody_in(secret: str | None) -> None:
    principal = await OpenKeys().find(secret)
    assert principal is not None
    assert principal.alias == "anonymous"
    assert principal.may_use("anything")


async def test_whoever_comes_by_the_open_door_may_call_models_and_manage_nothing() -> None:
    found = await OpenKeys().find(None)
    assert found is not None
    assert found.role == "customer"
