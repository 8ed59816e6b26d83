"""The budgets of customers and tags are their own, or those that they share."""

from __future__ import annotations

from proxy.alerts.parties import party_budgets
from proxy.stores.entities.kinds import EndUser, SharedBudget, Tag
from tests.fakes.entities import FakeEntities

NOW = 1_793_000_000.0


async def test_only_those_with_a_budget_are_known() -> None:
    entities = FakeEntities(
        EndUser(id="eve", alias="Eve", budget_id="b"),
        EndUser(id="bob"),
        Tag(id="prod", max_budget=5),
        SharedBudget(id="b", max_budget=7, budget_duration="30d"),
    )
    parties = [("end_user", "eve"), ("end_user", "bob"), ("tag", "prod"), ("tag", "none")]
    eve, prod = await party_budgets(entities, parties, NOW)
    assert (eve.budget.limit, eve.allowance.label) == (7, "End User=Eve")
    assert eve.account.startswith("end_user:eve@30d/")
    assert eve.about == {"customer_id": "eve"}
    assert (prod.account, prod.budget.limit, prod.about) == ("tag:prod", 5, {"tag": "prod"})


async def test_of_nobody_nothing_is_known() -> None:
    assert await party_budgets(FakeEntities(), [], NOW) == []
