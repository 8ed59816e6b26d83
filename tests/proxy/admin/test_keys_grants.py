"""That no key grants more than whoever made it has."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.stores.entities.kinds import BudgetLimit, Key, ModelBudget
from tests.proxy.admin.harness import Admin, later

ANN, TIM, BOB = "sk-ann", "sk-tim", "sk-bob"


def _world(**fields: Any) -> Admin:
    """Ann is a user whose key has these fields; Tim leads the team red, Bob is a member of it."""
    admin = Admin()
    for name in ("ann", "tim", "bob"):
        admin.user(name)
    team = admin.team("red", tim="admin", bob="user")
    admin.put(team.model_copy(update={"models": ("gpt", "claude/*")}))
    admin.key(ANN, user_id="ann", **fields)
    admin.key(TIM, user_id="tim")
    admin.key(BOB, user_id="bob")
    return admin


async def _made(admin: Admin, body: dict[str, Any], caller: str = ANN) -> Key:
    answer = await admin.done("POST", "/key/generate", body, caller)
    (key,) = [
        one
        for one in admin.store.rows.values()
        if isinstance(one, Key) and one.digest == answer["token"]
    ]
    return key


async def _refused(admin: Admin, body: dict[str, Any], caller: str = ANN, to: str = "") -> None:
    before = dict(admin.store.rows)
    client = await admin.call("POST", to or "/key/generate", body, caller)
    assert client.status == 403, (body, client.body)
    assert client.json["error"]["code"] == "403"
    assert admin.store.rows == before


async def test_a_users_key_is_his_own() -> None:
    admin = _world()
    key = await _made(admin, {"key_alias": "mine"})
    assert (key.user_id, key.created_by) == ("ann", "ann")
    await _refused(admin, {"user_id": "bob"})
    await _refused(admin, {"team_id": "red"})
    await _refused(admin, {"team_id": "there-is-none"})
    await _refused(admin, {"organization_id": "org"})


@pytest.mark.parametrize(
    "body",
    [
        {"permissions": {"get_spend_routes": True}},
        {"spend": 1},
        {"budget_id": "b"},
        {"router_settings": {"x": 1}},
        {"disable_global_guardrails": True},
        {"temp_budget_increase": 5},
        {"key": "sk-of-my-own-choice"},
        {"object_permission": {"x": []}},
    ],
)
async def test_what_only_an_administrator_gives(body: dict[str, Any]) -> None:
    await _refused(_world(), body)
    await _refused(_world(), {**body, "team_id": "red"}, TIM)
    assert (await _world().call("POST", "/key/generate", body)).status == 200


@pytest.mark.parametrize(
    ("mine", "wanted", "gets"),
    [
        ({"models": ("gpt",)}, {}, {"models": ("gpt",)}),
        ({"models": ("gpt", "a/*")}, {"models": ["a/b"]}, {"models": ("a/b",)}),
        ({"models": ("gpt",)}, {"models": ["no-default-models"]}, None),
        ({"rpm_limit": 5}, {}, {"rpm_limit": 5}),
        ({"rpm_limit": 5}, {"rpm_limit": 4}, {"rpm_limit": 4}),
        ({"max_budget": 10**9, "budget_duration": "1d"}, {}, {"budget_duration": "1d"}),
        ({"tags": ("a",)}, {"tags": ["b"]}, {"tags": ("b", "a")}),
        ({"guardrails": ("pii",)}, {}, {"guardrails": ("pii",)}),
        ({"allowed_routes": ("/key/*",)}, {}, {"allowed_routes": ("/key/*",)}),
        ({"allowed_ips": ("192.0.2.0/24",)}, {}, {"allowed_ips": ("192.0.2.0/24",)}),
        ({"expires": later(hours=1)}, {"duration": "30d"}, {"expires": later(hours=1)}),
        ({"model_rpm_limit": {"gpt": 1}}, {}, {"model_rpm_limit": {"gpt": 1}}),
        (
            {"budget_limits": (BudgetLimit(max_budget=1, budget_duration="1d"),)},
            {},
            {"budget_limits": (BudgetLimit(max_budget=1, budget_duration="1d"),)},
        ),
        ({"budget_id": "b"}, {}, {"budget_id": "b"}),
    ],
)
async def test_what_is_left_open_is_filled_with_the_makers_limits(
    mine: dict[str, Any], wanted: dict[str, Any], gets: dict[str, Any] | None
) -> None:
    key = await _made(_world(**mine), wanted)
    for name, value in (gets or {}).items():
        assert getattr(key, name) == value


@pytest.mark.parametrize(
    ("mine", "wanted"),
    [
        ({"models": ("gpt",)}, {"models": ["claude"]}),
        ({"models": ("gpt",)}, {"models": ["*"]}),
        ({"models": ("gpt",)}, {"models": ["all-proxy-models"]}),
        ({"models": ("gpt",)}, {"aliases": {"gpt": "claude"}}),
        ({"rpm_limit": 5}, {"rpm_limit": 6}),
        ({"tpm_limit": 5}, {"tpm_limit": 6}),
        ({"max_parallel_requests": 5}, {"max_parallel_requests": 6}),
        ({"max_budget": 10**9}, {"max_budget": 2}),
        ({"max_budget": 10**9}, {"max_budget": 1, "budget_duration": "1d"}),
        ({"allowed_routes": ("/key/generate",)}, {"allowed_routes": ["*"]}),
        ({"allowed_ips": ("192.0.2.0/24",)}, {"allowed_ips": ["0.0.0.0/0"]}),
        ({"model_rpm_limit": {"gpt": 1}}, {"model_rpm_limit": {"gpt": 2}}),
        ({"model_max_budget": {"gpt": ModelBudget(max_budget=1)}}, {"model_max_budget": {"a": 1}}),
    ],
)
async def test_nothing_wider_is_granted(mine: dict[str, Any], wanted: dict[str, Any]) -> None:
    await _refused(_world(**mine), wanted)


async def test_a_users_own_models_bind_his_keys() -> None:
    admin = _world()
    user = admin.user("ann", models=("gpt",))
    assert user.models == ("gpt",)
    await _refused(admin, {"models": ["claude"]})
    assert (await _made(admin, {"models": ["gpt"]})).models == ("gpt",)


async def test_who_leads_a_team_makes_keys_for_it_and_its_members() -> None:
    admin = _world()
    key = await _made(admin, {"team_id": "red", "user_id": "bob", "max_budget": 5}, TIM)
    assert (key.team_id, key.user_id, key.max_budget) == ("red", "bob", 5 * 10**9)
    assert (await _made(admin, {"team_id": "red"}, TIM)).user_id is None
    wide = {"team_id": "red", "models": ["all-team-models"]}
    assert (await _made(admin, wide, TIM)).models == ("all-team-models",)
    await _refused(admin, {"team_id": "red", "models": ["mistral"]}, TIM)
    await _refused(admin, {"team_id": "red", "user_id": "ann"}, TIM)


async def test_a_member_makes_keys_where_his_team_lets_him() -> None:
    admin = _world()
    await _refused(admin, {"team_id": "red"}, BOB)
    team = admin.team("red")
    admin.put(team.model_copy(update={"member_permissions": ("/key/generate",)}))
    assert (await _made(admin, {"team_id": "red"}, BOB)).user_id == "bob"
    await _refused(admin, {"team_id": "red", "user_id": "tim"}, BOB)


@pytest.mark.parametrize(
    "change",
    [
        {"max_budget": 100},
        {"budget_duration": None},
        {"rpm_limit": None},
        {"tags": []},
        {"metadata": {"tags": ["cheap"]}},
        {"allowed_routes": []},
        {"allowed_ips": []},
        {"duration": "-1"},
        {"blocked": False},
        {"user_id": "bob"},
        {"team_id": "red"},
        {"guardrails": []},
        {"key_type": "default"},
        {"spend": 0},
        {"something_new": 1},
    ],
)
async def test_an_owner_does_not_change_what_limits_his_key(change: dict[str, Any]) -> None:
    await _refused(_world(), {"key": ANN, **change}, to="/key/update")


async def test_an_owner_changes_what_is_his() -> None:
    admin = _world(max_budget=5)
    body = {"key": ANN, "key_alias": "new", "metadata": {"a": 1}, "models": ["gpt"]}
    answer = await admin.done("POST", "/key/update", body, ANN)
    assert (answer["key_alias"], answer["models"], answer["max_budget"]) == ("new", ["gpt"], 5e-9)
    for path in ("/key/block", "/key/unblock"):
        await _refused(admin, {"key": ANN}, to=path)


async def test_a_narrow_key_gets_hold_of_no_wider_one_of_the_same_user() -> None:
    admin = _world(models=("gpt",))
    wide = admin.key("sk-wide", user_id="ann")
    for path, body in (
        ("/key/regenerate", {"key": wide.digest}),
        (f"/key/{wide.digest}/regenerate", {}),
        ("/key/update", {"key": wide.digest, "key_alias": "x"}),
    ):
        await _refused(admin, body, to=path)
    same = admin.key("sk-same", user_id="ann", models=("gpt",))
    await admin.done("POST", "/key/regenerate", {"key": same.digest}, ANN)


async def test_a_key_of_a_team_without_a_user_changes_nothing() -> None:
    admin = _world()
    admin.key("sk-bot", team_id="red")
    for path in ("/key/generate", "/key/delete", "/key/update"):
        await _refused(admin, {"key": "sk-bot", "keys": ["sk-bot"]}, "sk-bot", path)
    assert (await admin.call("GET", "/key/info", caller="sk-bot")).status == 200
