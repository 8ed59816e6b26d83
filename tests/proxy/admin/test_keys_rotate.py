"""New secrets for keys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.config.rotation import RotationSettings
from proxy.stores.entities.kinds import Former, Key, Rotating
from proxy.stores.keys.digest import digest
from proxy.stores.keys.rotating import EVER
from tests.proxy.admin.harness import NOW, PEPPER, Admin, later

SECRET = "sk-abcdefghijklmnop"


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


@pytest.mark.parametrize("grace", [None, "1h"])
async def test_a_new_secret_ends_a_rotation_that_was_begun(grace: str | None) -> None:
    admin = Admin()
    old = Former(digest="0" * 64, until=EVER)
    turn = Rotating(nonce="1", tries=1, again_at=NOW)
    key = admin.key(SECRET, former=(old,), rotating=turn)
    await admin.done("POST", "/key/regenerate", {"key": SECRET, "grace_period": grace})
    kept = await admin.store.get(Key, key.id)
    assert kept is not None
    assert kept.rotating is None
    assert [one.until for one in kept.former] == ([later(hours=1)] * 2 if grace else [])


async def test_the_date_of_a_rotation_is_shown_only_where_somebody_is_handed_the_secret() -> None:
    admin = Admin()
    admin.key(SECRET, auto_rotate=True, rotation_interval="7d", key_rotation_at=later(days=7))
    info = (await admin.done("GET", "/key/info", {"key": SECRET}))["info"]
    assert (info["auto_rotate"], info["key_rotation_at"]) == (True, None)
    hook = RotationSettings("https://hook.example", "a secret of the webhook")
    admin.backing.settings = replace(admin.backing.settings, rotation=hook)
    info = (await admin.done("GET", "/key/info", {"key": SECRET}))["info"]
    assert info["key_rotation_at"] == later(days=7).isoformat().replace("+00:00", "Z")
