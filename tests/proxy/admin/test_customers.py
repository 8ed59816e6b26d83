"""Customers are made, changed, blocked and deleted, by either name of the routes."""

from __future__ import annotations

import pytest

from pipelines.allowance import account_name
from proxy.stores.entities.kinds import EndUser
from tests.proxy.admin.harness import NOW, Admin


@pytest.mark.parametrize("root", ["/customer", "/end_user"])
async def test_a_customer_is_made_and_found(root: str) -> None:
    admin = Admin()
    body = {"user_id": "c1", "alias": "C", "max_budget": 2.5, "budget_duration": "1d"}
    made = await admin.done("POST", f"{root}/new", {**body, "default_model": "gpt", "spend": 0.5})
    assert (made["user_id"], made["alias"], made["max_budget"]) == ("c1", "C", 2.5)
    assert (made["spend"], made["default_model"]) == (0.5, "gpt")
    name = account_name("end_user:c1", "1d", NOW.timestamp())
    assert (await admin.ledger.balances([name]))[name].spent == 500_000_000
    assert await admin.done("GET", f"{root}/info", {"end_user_id": "c1"}) == made
    assert await admin.done("GET", f"{root}/list") == [made]
    changed = await admin.done("POST", f"{root}/update", {"user_id": "c1", "blocked": True})
    assert (changed["blocked"], changed["alias"]) == (True, "C")
    gone = await admin.done("POST", f"{root}/delete", {"user_ids": ["c1"]})
    assert gone["deleted_customers"] == 1


async def test_a_shared_budget_is_shown() -> None:
    admin = Admin()
    await admin.done("POST", "/budget/new", {"budget_id": "gold", "max_budget": 3})
    made = await admin.done("POST", "/customer/new", {"user_id": "c", "budget_id": "gold"})
    assert made["litellm_budget_table"]["max_budget"] == 3.0


async def test_who_is_blocked_need_not_be_known() -> None:
    admin = Admin()
    answer = await admin.done("POST", "/customer/block", {"user_ids": ["x", "x"]})
    assert [one["blocked"] for one in answer["blocked_users"]] == [True]
    answer = await admin.done("POST", "/customer/unblock", {"user_ids": ["x"]})
    assert [one["blocked"] for one in answer["blocked_users"]] == [False]
    row = await admin.store.get(EndUser, "x")
    assert row is not None
    assert not row.blocked


async def test_what_is_not_there_or_there_twice_is_said() -> None:
    admin = Admin()
    await admin.done("POST", "/customer/new", {"user_id": "c"})
    for path, body, status in (
        ("/customer/new", {"user_id": "c"}, 400),
        ("/customer/new", {"user_id": "d", "budget_id": "none"}, 404),
        ("/customer/update", {"user_id": "d"}, 404),
        ("/customer/unblock", {"user_ids": ["d"]}, 404),
        ("/customer/delete", {"user_ids": ["c", "d"]}, 404),
    ):
        assert (await admin.call("POST", path, body)).status == status
    assert (await admin.call("GET", "/customer/info", {"end_user_id": "d"})).status == 404
    assert await admin.store.get(EndUser, "c") is not None
