"""Changing, blocking and deleting keys."""

from __future__ import annotations

from pipelines.allowance import account_name
from proxy.stores.entities.kinds import BudgetLimit, Key
from tests.proxy.admin.harness import NOW, Admin, later
from tests.proxy.admin.test_keys_answers import INFO_FIELDS

SECRET = "sk-abcdefghijklmnop"
OTHER = "sk-0123456789abcdef"


async def _kept(admin: Admin, id: str) -> Key:
    key = await admin.store.get(Key, id)
    assert key is not None
    return key


async def test_only_the_sent_fields_change() -> None:
    admin = Admin()
    key = admin.key(
        SECRET, alias="a", max_budget=1, rpm_limit=3, models=("gpt",), settings={"x": 1}
    )
    body = {"key": SECRET, "max_budget": 0.3, "rpm_limit": None, "tpd_limit": 5}
    answer = await admin.done("POST", "/key/update", body)
    assert sorted(answer) == sorted([*INFO_FIELDS, "token", "key"])
    assert answer["key"] == SECRET
    kept = await _kept(admin, key.id)
    assert (kept.max_budget, kept.rpm_limit, kept.models) == (300_000_000, None, ("gpt",))
    assert (kept.alias, kept.digest) == ("a", key.digest)
    assert kept.settings == {"x": 1, "tpd_limit": 5}


async def test_an_expiry_is_set_anew_and_taken_away() -> None:
    admin = Admin()
    key = admin.key(SECRET)
    await admin.done("POST", "/key/update", {"key": SECRET, "duration": "1h"})
    assert (await _kept(admin, key.id)).expires == later(hours=1)
    await admin.done("POST", "/key/update", {"key": SECRET, "duration": "-1"})
    assert (await _kept(admin, key.id)).expires is None


async def test_an_alias_is_given_once() -> None:
    admin = Admin()
    admin.key(SECRET, alias="a")
    admin.key(OTHER)
    for path, body in (
        ("/key/update", {"key": OTHER, "key_alias": "a"}),
        ("/key/generate", {"key_alias": "a"}),
    ):
        client = await admin.call("POST", path, body)
        assert client.status == 400
        assert "already exists" in client.json["error"]["message"]
    await admin.done("POST", "/key/update", {"key": SECRET, "key_alias": "a"})


async def test_several_keys_change_each_by_itself() -> None:
    admin = Admin()
    key = admin.key(SECRET)
    keys = [{"key": SECRET, "rpm_limit": 7}, {"key": "sk-unknown", "rpm_limit": 7}]
    answer = await admin.done("POST", "/key/bulk_update", {"keys": keys})
    assert answer["total_requested"] == 2
    assert answer["successful_updates"][0]["key_info"]["rpm_limit"] == 7
    assert answer["failed_updates"][0]["failed_reason"] == "Key not found in database"
    assert (await _kept(admin, key.id)).rpm_limit == 7


async def test_a_key_is_blocked_and_unblocked() -> None:
    admin = Admin()
    key = admin.key(SECRET)
    blocked = await admin.done("POST", "/key/block", {"key": key.digest})
    assert (blocked["blocked"], blocked["token"]) == (True, key.digest)
    assert not (await admin.done("POST", "/key/unblock", {"key": SECRET}))["blocked"]
    client = await admin.call("POST", "/key/block", {"key": "sk-unknown"})
    assert (client.status, client.json["error"]["message"]) == (404, "Key not found.")


async def test_keys_are_deleted_all_or_none() -> None:
    admin = Admin()
    key = admin.key(SECRET, alias="a")
    client = await admin.call("POST", "/key/delete", {"keys": [SECRET, "sk-unknown"]})
    assert client.status == 400
    assert await admin.store.get(Key, key.id) is not None
    gone = await admin.done("POST", "/key/delete", {"keys": [SECRET, SECRET]})
    assert gone == {"deleted_keys": [SECRET, SECRET]}
    assert await admin.store.get(Key, key.id) is None
    admin.key(SECRET, alias="a")
    by_alias = await admin.done("POST", "/key/delete", {"key_aliases": ["a"]})
    assert by_alias == {"deleted_keys": ["a"]}
    assert (await admin.call("POST", "/key/delete", {})).status == 422


async def test_spending_is_set_back_in_every_running_period_and_never_up() -> None:
    admin = Admin()
    limits = (BudgetLimit(max_budget=9, budget_duration="1d"),)
    key = admin.key(SECRET, budget_duration="30d", budget_limits=limits)
    scope, moment = f"key:{key.id}", NOW.timestamp()
    own, daily = (account_name(scope, one, moment) for one in ("30d", "1d"))
    for name, spent in ((own, 5 * 10**9), (daily, 10**9), (scope, 8 * 10**9)):
        await admin.ledger.set_spent(name, spent)
    path = f"/key/{key.digest}/reset_spend"
    assert (await admin.done("POST", path, {"reset_to": 2}))["spend"] == 2.0
    found = await admin.ledger.balances([own, daily, scope])
    assert [found[one].spent for one in (own, daily, scope)] == [2 * 10**9, 10**9, 8 * 10**9]
    assert (await admin.done("POST", path, {"reset_to": 0}))["spend"] == 0.0
    assert (await admin.ledger.balances([daily]))[daily].spent == 0
    assert (await admin.call("POST", path, {"reset_to": 3})).status == 400


async def test_a_change_is_in_the_audit_table_with_whom_it_was_for() -> None:
    admin = Admin()
    admin.key(SECRET)
    await admin.call(
        "POST",
        "/key/update",
        {"key": SECRET, "rpm_limit": 1},
        headers={"litellm-changed-by": "eve"},
    )
    (line,) = await admin.store.audits("key", None, 10)
    assert (line.actor, line.changed_by, line.address) == ("master", "eve", "192.0.2.7")
