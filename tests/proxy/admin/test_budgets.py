"""Shared budgets are made, changed, shown and deleted."""

from __future__ import annotations

from proxy.stores.entities.kinds import SharedBudget
from tests.proxy.admin.harness import Admin


async def test_a_budget_is_made_and_shown() -> None:
    admin = Admin()
    body = {
        "budget_id": "gold",
        "max_budget": 0.1,
        "soft_budget": 0.05,
        "budget_duration": "1mo",
        "rpm_limit": 3,
        "tpd_limit": 9,
        "model_max_budget": {"gpt": {"budget_limit": 0.2, "time_period": "1d"}},
    }
    made = await admin.done("POST", "/budget/new", body)
    assert (made["budget_id"], made["max_budget"], made["tpd_limit"]) == ("gold", 0.1, 9)
    assert made["budget_reset_at"] == "2026-06-01T00:00:00Z"
    assert made["model_max_budget"] == {"gpt": {"max_budget": 0.2, "budget_duration": "1d"}}
    kept = await admin.store.get(SharedBudget, "gold")
    assert kept is not None
    assert (kept.max_budget, kept.budget_id) == (100_000_000, None)
    assert await admin.done("POST", "/budget/info", {"budgets": ["gold", "none"]}) == [made]
    assert await admin.done("GET", "/budget/list") == [made]
    fields = await admin.done("GET", "/budget/settings", {"budget_id": "gold"})
    assert fields[0]["field_name"] == "max_budget"
    assert (fields[0]["field_value"], fields[0]["stored_in_db"]) == (0.1, True)


async def test_a_budget_has_an_id_even_if_none_was_sent() -> None:
    assert (await Admin().done("POST", "/budget/new", {"max_budget": 1}))["budget_id"]


async def test_only_the_sent_fields_change() -> None:
    admin = Admin()
    await admin.done("POST", "/budget/new", {"budget_id": "a", "max_budget": 1, "rpm_limit": 2})
    changed = await admin.done("POST", "/budget/update", {"budget_id": "a", "rpm_limit": None})
    assert (changed["max_budget"], changed["rpm_limit"]) == (1.0, None)


async def test_what_is_not_there_or_there_twice_is_said() -> None:
    admin = Admin()
    await admin.done("POST", "/budget/new", {"budget_id": "a"})
    for path, body, status in (
        ("/budget/new", {"budget_id": "a"}, 400),
        ("/budget/update", {"budget_id": "b"}, 404),
        ("/budget/update", {}, 400),
        ("/budget/info", {"budgets": []}, 400),
        ("/budget/delete", {"id": "b"}, 404),
    ):
        assert (await admin.call("POST", path, body)).status == status
    assert (await admin.call("GET", "/budget/settings", {"budget_id": "b"})).status == 404
    assert (await admin.done("POST", "/budget/delete", {"id": "a"}))["budget_id"] == "a"
    assert await admin.done("GET", "/budget/list") == []
