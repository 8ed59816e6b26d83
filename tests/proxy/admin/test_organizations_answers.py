"""What an organization has spent is the ledger's."""

from __future__ import annotations

from tests.proxy.admin.test_teams import world


async def test_the_spending_and_its_end_are_shown() -> None:
    admin = world()
    change = {"organization_id": "acme", "max_budget": 1, "budget_duration": "1mo"}
    await admin.done("PATCH", "/organization/update", change)
    await admin.ledger.set_spent("organization:acme", 1_500_000_000)
    (listed,) = await admin.done("GET", "/organization/list", {"org_id": "acme"})
    assert (listed["spend"], listed["total_spend"]) == (0.0, 1.5)
    assert listed["budget_reset_at"] == "2026-06-01T00:00:00Z"
    assert await admin.done("GET", "/organization/list", {"org_alias": "nobody"}) == []
