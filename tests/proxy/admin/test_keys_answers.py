"""Keys as LiteLLM's clients read them."""

from __future__ import annotations

from pipelines.allowance import account_name
from proxy.stores.entities.kinds import ModelBudget, SharedBudget
from tests.proxy.admin.harness import NOW, Admin

SECRET = "sk-abcdefghijklmnop"
INFO_FIELDS = (
    "key_name", "key_alias", "spend", "total_spend", "max_budget", "expires", "models", "aliases",
    "config", "user_id", "team_id", "agent_id", "project_id", "max_parallel_requests", "metadata",
    "tpm_limit", "rpm_limit", "tpd_limit", "budget_duration", "budget_reset_at",
    "allowed_cache_controls", "allowed_routes", "key_type", "permissions", "model_spend",
    "model_max_budget", "budget_fallbacks", "soft_budget_cooldown", "blocked",
    "litellm_budget_table", "budget_id", "org_id", "created_at", "created_by", "updated_at",
    "updated_by", "settings_updated_at", "last_active", "object_permission_id", "object_permission",
    "access_group_ids", "rotation_count", "auto_rotate", "rotation_interval", "last_rotation_at",
    "key_rotation_at", "router_settings", "budget_limits",
)  # fmt: skip


async def test_info_has_exactly_the_columns_of_litellm() -> None:
    admin = Admin()
    key = admin.key(SECRET, alias="ci", max_budget=5 * 10**9)
    found = await admin.done("GET", "/key/info", {"key": SECRET})
    assert list(found) == ["key", "info"]
    assert found["key"] == SECRET
    assert sorted(found["info"]) == sorted(INFO_FIELDS)
    assert key.digest not in str(found["info"])
    assert (found["info"]["key_alias"], found["info"]["max_budget"]) == ("ci", 5.0)


async def test_a_key_is_found_by_its_digest_too_and_without_one_it_is_the_callers() -> None:
    admin = Admin()
    key = admin.key(SECRET, user_id="ann")
    by_digest = await admin.done("GET", "/key/info", {"key": key.digest})
    own = await admin.done("GET", "/key/info", caller=SECRET)
    assert by_digest == own
    assert own["key"] == key.digest


async def test_an_unknown_key_is_not_found_in_litellms_words() -> None:
    client = await Admin().call("GET", "/key/info", {"key": "sk-unknown"})
    assert client.status == 404
    assert client.json == {
        "error": {
            "message": "Key not found in database",
            "type": "not_found_error",
            "param": "key",
            "code": "404",
        }
    }


async def test_spending_is_that_of_the_ledger_to_the_nano_dollar() -> None:
    admin = Admin()
    budgets = {"gpt": ModelBudget(max_budget=9, budget_duration="1d"), "claude": ModelBudget()}
    key = admin.key(SECRET, budget_duration="30d", model_max_budget=budgets)
    moment, scope = NOW.timestamp(), f"key:{key.id}"
    await admin.ledger.set_spent(scope, 3_000_000_001)
    await admin.ledger.set_spent(account_name(scope, "30d", moment), 1_000_000_001)
    await admin.ledger.set_spent(account_name(f"{scope}/gpt", "1d", moment), 7)
    info = (await admin.done("GET", "/key/info", {"key": SECRET}))["info"]
    assert (info["spend"], info["total_spend"]) == (1.000000001, 3.000000001)
    assert info["model_spend"] == {"gpt": 7e-9, "claude": 0.0}
    assert info["budget_reset_at"] == "2026-06-01T00:00:00Z"


async def test_a_shared_budget_says_how_long_the_spending_counts() -> None:
    admin = Admin()
    admin.put(SharedBudget(id="b", max_budget=2 * 10**9, budget_duration="1d"))
    key = admin.key(SECRET, budget_id="b")
    name = account_name(f"key:{key.id}", "1d", NOW.timestamp())
    await admin.ledger.set_spent(name, 10**9)
    info = (await admin.done("GET", "/key/info", {"key": SECRET}))["info"]
    assert info["spend"] == 1.0
    assert info["litellm_budget_table"]["max_budget"] == 2.0
    assert info["budget_reset_at"] == "2026-05-14T00:00:00Z"


async def test_several_keys_are_shown_and_unknown_ones_left_out() -> None:
    admin = Admin()
    admin.key(SECRET)
    found = await admin.done("POST", "/v2/key/info", {"keys": ["sk-unknown", SECRET]})
    assert found["key"] == [SECRET]
    assert len(found["info"]) == 1
    client = await admin.call("POST", "/v2/key/info", {})
    assert (client.status, client.json) == (
        422,
        {"detail": {"message": "Malformed request. No keys passed in."}},
    )


async def test_the_health_of_a_key_is_told() -> None:
    admin = Admin()
    admin.key(SECRET)
    found = await admin.done("POST", "/key/health", caller=SECRET)
    assert found["key"] == "healthy"
    assert found["logging_callbacks"]["status"] == "healthy"
