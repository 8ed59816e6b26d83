"""The spending of all keys and teams begins anew."""

from __future__ import annotations

import pytest

from proxy.admin import spend_reset
from proxy.stores.entities.kinds import Team
from tests.proxy.admin.harness import Admin


async def test_keys_and_teams_have_spent_nothing_and_users_what_they_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spend_reset, "PAGE", 2)
    admin = Admin()
    admin.put(Team(id="red"))
    scopes = ["team:red", "user:alice"]
    for number in range(5):
        admin.key(f"sk-{number}")
        scopes.append(f"key:id-{number}")
    for scope in scopes:
        await admin.ledger.set_spent(scope, 7)
    answer = await admin.done("POST", "/global/spend/reset")
    assert answer["status"] == "success"
    found = await admin.ledger.balances(scopes)
    assert {scope: one.spent for scope, one in found.items() if one.spent} == {"user:alice": 7}


async def test_only_an_administrator_does_it() -> None:
    admin = Admin()
    admin.key("sk-alice", user_id="alice")
    assert (await admin.call("POST", "/global/spend/reset", caller="sk-alice")).status == 403
