"""Users as LiteLLM's clients read them."""

from __future__ import annotations

from pipelines.allowance import account_name
from tests.proxy.admin.harness import NOW, Admin
from tests.proxy.admin.test_keys_answers import INFO_FIELDS
from tests.proxy.admin.test_keys_make import MADE_FIELDS

USER_FIELDS = (
    "user_id", "user_alias", "team_id", "sso_user_id", "organization_id", "object_permission_id",
    "password", "password_reset_required", "last_breach_check_at", "teams", "user_role",
    "max_budget", "spend", "user_email", "models", "metadata", "max_parallel_requests", "tpm_limit",
    "rpm_limit", "budget_duration", "budget_reset_at", "allowed_cache_controls", "policies",
    "model_spend", "model_max_budget", "created_at", "updated_at", "organization_memberships",
    "object_permission",
)  # fmt: skip


async def test_a_user_has_exactly_the_columns_of_litellm() -> None:
    admin = Admin()
    admin.user("ann", max_budget=10**9, budget_duration="30d", email="ann@example.com")
    admin.team("red", ann="user")
    moment = NOW.timestamp()
    await admin.ledger.set_spent(account_name("user:ann", "30d", moment), 5 * 10**8)
    row = await admin.done("GET", "/v2/user/info", {"user_id": "ann"})
    assert sorted(row) == sorted(USER_FIELDS)
    assert (row["teams"], row["spend"], row["max_budget"]) == (["red"], 0.5, 1.0)
    assert row["budget_reset_at"] == "2026-06-01T00:00:00Z"
    assert row["password"] is None


async def test_a_new_user_has_exactly_the_fields_of_litellm() -> None:
    made = await Admin().done("POST", "/user/new", {"user_id": "ann"})
    more = ["user_email", "user_role", "user_alias", "teams"]
    assert sorted(made) == sorted([*MADE_FIELDS, *more])


async def test_the_keys_of_a_user_have_the_columns_of_keys() -> None:
    admin = Admin()
    admin.user("ann")
    admin.key("sk-ann", user_id="ann")
    found = await admin.done("GET", "/user/info", {"user_id": "ann"})
    assert list(found) == ["user_id", "user_info", "keys", "teams"]
    assert sorted(found["user_info"]) == sorted(USER_FIELDS)
    assert sorted(found["keys"][0]) == sorted([*INFO_FIELDS, "token"])


async def test_a_listed_user_tells_how_many_keys_he_has() -> None:
    admin = Admin()
    admin.user("ann")
    admin.key("sk-ann", user_id="ann")
    found = await admin.done("GET", "/user/list")
    assert list(found) == ["users", "total", "page", "page_size", "total_pages"]
    (row,) = found["users"]
    assert sorted(row) == sorted([*USER_FIELDS, "key_count"])
    assert row["key_count"] == 1
