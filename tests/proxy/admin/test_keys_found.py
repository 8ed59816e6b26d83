"""Finding the key that a caller names."""

from __future__ import annotations

import pytest

from proxy.admin.errors import NotFound
from proxy.admin.keys_found import key_of, visible_key
from tests.proxy.admin.harness import Admin
from tests.proxy.admin.sessions import a_session


async def test_a_key_is_found_by_its_secret_and_by_its_digest() -> None:
    admin = Admin()
    key = admin.key("sk-one")
    session = a_session(admin)
    assert await key_of(session, "sk-one") == key
    assert await key_of(session, key.digest) == key
    assert await key_of(session, key.id) is None
    assert await key_of(session, "") is None


async def test_a_key_that_is_not_the_callers_is_as_if_there_were_none() -> None:
    admin = Admin()
    admin.key("sk-one", user_id="ann")
    for named in ("sk-one", "sk-two"):
        with pytest.raises(NotFound, match="Key not found in database"):
            await visible_key(a_session(admin, "internal_user", "bob"), named)
