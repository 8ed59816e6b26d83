"""The operator's defaults and bounds for keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from proxy.config.new_keys import NewKeySettings
from proxy.stores.entities.kinds import Key
from tests.proxy.admin.harness import MASTER, Admin, later

BOUNDS = {"max_budget": 100.0, "budget_duration": "30d", "duration": "30d", "rpm_limit": 50}
OWN = "sk-of-somebody-who-makes-keys"


def an_admin(bounds: dict[str, Any] | None = None, **defaults: Any) -> Admin:
    admin = Admin()
    wanted = NewKeySettings(defaults, bounds or {})
    admin.backing.settings = replace(admin.backing.settings, new_keys=wanted)
    return admin


async def made(admin: Admin, caller: str = MASTER, **body: Any) -> Key:
    given = await admin.done("POST", "/key/generate", body, caller)
    (key,) = [
        one for one in admin.store.rows.values() if getattr(one, "digest", "") == given["token"]
    ]
    assert isinstance(key, Key)
    return key


async def test_what_is_left_open_gets_the_default() -> None:
    admin = an_admin(
        max_budget=5.0, duration="7d", models=["gpt"], metadata={"a": 1}, tpm_limit=9, user_id="u"
    )
    key = await made(admin)
    assert (key.max_budget, key.expires, key.tpm_limit) == (5 * 10**9, later(days=7), 9)
    assert (key.models, key.metadata, key.user_id) == (("gpt",), {"a": 1}, "u")
    sent = await made(admin, max_budget=0, duration="1d", models=["o"], tpm_limit=10, user_id="v")
    assert (sent.max_budget, sent.expires, sent.tpm_limit) == (0, later(days=1), 10)
    assert (sent.models, sent.user_id) == (("o",), "v")


async def test_what_is_left_open_gets_the_bound_where_there_is_no_default() -> None:
    key = await made(an_admin(BOUNDS, rpm_limit=7))
    assert (key.max_budget, key.budget_duration, key.expires) == (
        100 * 10**9,
        "30d",
        later(days=30),
    )
    assert key.rpm_limit == 7


@pytest.mark.parametrize(
    "body",
    [
        {"max_budget": 100.01},
        {"budget_duration": "31d"},
        {"duration": "-1"},
        {"duration": "2mo"},
        {"rpm_limit": 51},
    ],
)
async def test_what_is_over_a_bound_is_refused_in_litellms_words(body: dict[str, Any]) -> None:
    admin = an_admin(BOUNDS)
    ((name, value),) = body.items()
    words = f"{name} is over max limit set in config - user_value={value}; max_value={BOUNDS[name]}"
    client = await admin.call("POST", "/key/generate", body)
    assert (client.status, client.json) == (400, {"detail": {"error": words}})
    assert admin.store.rows == {}
    admin.key(OWN, max_budget=1)
    for path in ("/key/update", "/key/regenerate"):
        assert (await admin.call("POST", path, {"key": OWN, **body})).status == 400


async def test_a_default_over_a_bound_is_refused_as_well() -> None:
    client = await an_admin(BOUNDS, rpm_limit=60).call("POST", "/key/generate", {})
    assert client.status == 400


async def test_a_limit_cannot_be_taken_away_and_others_are_left_alone() -> None:
    admin = an_admin(BOUNDS)
    key = admin.key(OWN, max_budget=1)
    await admin.done("POST", "/key/update", {"key": OWN, "max_budget": None, "duration": None})
    kept = await admin.store.get(Key, key.id)
    assert kept is not None
    assert (kept.max_budget, kept.expires) == (100 * 10**9, later(days=30))
    assert (kept.rpm_limit, kept.budget_duration) == (None, None)


async def test_who_is_no_administrator_keeps_what_his_own_key_says() -> None:
    admin = an_admin(BOUNDS, user_id="somebody", team_id="t", max_budget=50.0, rpm_limit=40)
    admin.user("ann")
    admin.key(OWN, user_id="ann", max_budget=3 * 10**9, rpm_limit=10)
    key = await made(admin, OWN)
    assert (key.user_id, key.team_id) == ("ann", None)
    assert (key.max_budget, key.budget_duration, key.rpm_limit) == (3 * 10**9, None, 10)


async def test_a_wider_key_of_before_passes_on_no_more_than_the_bound() -> None:
    admin = an_admin(BOUNDS)
    admin.user("ann")
    admin.key(OWN, user_id="ann", max_budget=300 * 10**9, rpm_limit=90)
    key = await made(admin, OWN)
    assert (key.max_budget, key.rpm_limit) == (100 * 10**9, 50)
