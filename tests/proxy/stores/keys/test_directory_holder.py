"""A key's holder is found by the digest alone, without its secret."""

from __future__ import annotations

import pytest

from pipelines.errors import Unauthenticated
from proxy.stores.keys.digest import digest
from tests.proxy.stores.keys.store import MASTER, SECRET, Store, a_directory, a_key


async def test_the_holder_of_a_digest_is_who_has_its_secret() -> None:
    async with a_directory(Store(a_key(user_id="u1"))) as directory:
        assert await directory.holder(digest(SECRET)) == await directory.find(SECRET)
        assert await directory.holder(digest(MASTER)) == await directory.find(MASTER)
        for name in ("", digest("sk-nobody"), SECRET):
            assert await directory.holder(name) is None
    async with a_directory(Store(a_key(blocked=True))) as directory:
        with pytest.raises(Unauthenticated):
            await directory.holder(digest(SECRET))
