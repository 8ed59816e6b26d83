"""New secrets for keys."""

from __future__ import annotations

import asyncio

from proxy.admin.keys_rotate import rotate_due
from proxy.stores.entities.kinds import Former, Key
from proxy.stores.keys.digest import digest
from tests.fakes.entities import FakeEntities
from tests.proxy.admin.harness import NOW, PEPPER, Admin, later

SECRET = "sk-abcdefghijklmnop"


def _a_key(id: str = "1", **fields: object) -> Key:
    given = {"digest": id * 4, "auto_rotate": True, "rotation_interval": "7d", **fields}
    return Key.model_validate({"id": id, "key_rotation_at": NOW, **given})


async def test_a_new_secret_leaves_the_key_itself_and_its_spending() -> None:
    admin = Admin()
    key = admin.key(SECRET, alias="ci", max_budget=10**9, models=("gpt",))
    await admin.ledger.set_spent(f"key:{key.id}", 7)
    body = {"key": SECRET, "grace_period": "1h"}
    made = await admin.done("POST", "/key/regenerate", body)
    kept = await admin.store.get(Key, key.id)
    assert kept is not None
    assert made["key"] != SECRET
    assert (made["token"], made["spend"], made["key_alias"]) == (kept.digest, 7e-9, "ci")
    assert (kept.digest, kept.name) == (digest(made["key"], PEPPER), f"sk-...{made['key'][-4:]}")
    assert (kept.max_budget, kept.models, kept.rotation_count) == (10**9, ("gpt",), 1)
    assert kept.former == (Former(digest=key.digest, until=later(hours=1)),)


async def test_without_grace_the_old_secret_is_gone_at_once() -> None:
    admin = Admin()
    former = (Former(digest="0" * 64, until=NOW),)
    key = admin.key(SECRET, former=former)
    body = {"new_key": "sk-chosen-by-myself", "max_budget": 2}
    made = await admin.done("POST", f"/key/{key.digest}/regenerate", body)
    kept = await admin.store.get(Key, key.id)
    assert kept is not None
    assert (made["key"], made["max_budget"]) == ("sk-chosen-by-myself", 2.0)
    assert kept.former == ()


async def test_a_key_renews_itself_where_none_is_named() -> None:
    admin = Admin()
    admin.user("ann")
    admin.key(SECRET, user_id="ann")
    assert (await admin.done("POST", "/key/regenerate", caller=SECRET))["user_id"] == "ann"
    assert (await admin.call("POST", "/key/regenerate")).status == 404
    client = await admin.call("POST", "/key/regenerate", {"new_master_key": "sk-1"})
    assert client.status == 400


async def test_keys_that_are_due_get_new_secrets_with_a_grace() -> None:
    due, early = _a_key("1"), _a_key("2", key_rotation_at=later(days=1))
    others = (_a_key("3", auto_rotate=False), _a_key("4", blocked=True))
    store = FakeEntities(due, early, *others)
    (rotated,) = await rotate_due(store, NOW, digest, "2d")
    kept = await store.get(Key, "1")
    assert kept is not None
    assert kept.digest == digest(rotated.secret)
    assert kept.former == (Former(digest="1111", until=later(days=2)),)
    assert (kept.key_rotation_at, kept.last_rotation_at) == (later(days=7), NOW)
    assert await rotate_due(store, NOW, digest) == []
    assert rotated.secret not in repr(rotated)


async def test_of_two_sweeps_at_once_one_rotates() -> None:
    store = FakeEntities(_a_key())
    found = await asyncio.gather(*(rotate_due(store, NOW, digest) for _ in range(2)))
    assert sorted(len(one) for one in found) == [0, 1]
