"""What a handler works with."""

from __future__ import annotations

import pytest

from proxy.admin.errors import NotAllowed
from proxy.stores.keys.digest import digest
from tests.proxy.admin.harness import PEPPER, Admin
from tests.proxy.admin.sessions import a_session


def test_digests_are_made_with_the_salt_key() -> None:
    assert a_session(Admin()).digest("sk-1") == digest("sk-1", PEPPER) != digest("sk-1")


def test_what_is_not_allowed_is_said_with_the_callers_role() -> None:
    session = a_session(Admin(), "internal_user")
    session.demand(True, "No.")
    with pytest.raises(NotAllowed, match=r"You may not\. Your role=internal_user\."):
        session.demand(False, "You may not.")
