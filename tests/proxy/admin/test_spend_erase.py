"""Customers and users are erased from the records of their calls."""

from __future__ import annotations

import pytest

from tests.conformance.journals import DATABASES
from tests.fakes.later import Later
from tests.proxy.admin.harness import Admin
from tests.proxy.admin.recorded import recorded


@pytest.fixture(params=DATABASES)
def admin(request: pytest.FixtureRequest) -> Later:
    """The routes over recorded calls, in each kind of database."""
    return Later(lambda: recorded(request.param))


async def test_a_customer_that_only_calls_have_named_is_erased(admin: Admin) -> None:
    body = {"user_ids": ["eve"], "erase": True}
    answer = await admin.done("POST", "/customer/delete", body)
    assert (answer["deleted_customers"], answer["erased_records"]) == (0, 1)
    rows = await admin.done("GET", "/spend/logs")
    assert "eve" not in str(rows)
    assert sum(str(row["end_user"]).startswith("erased-") for row in rows) == 1


async def test_without_a_word_of_it_nothing_is_erased(admin: Admin) -> None:
    assert (await admin.call("POST", "/customer/delete", {"user_ids": ["eve"]})).status == 404
    assert "eve" in str(await admin.done("GET", "/spend/logs"))


async def test_a_user_is_erased_with_his_keys(admin: Admin) -> None:
    await admin.done("POST", "/user/delete", {"user_ids": ["bob"], "erase": True})
    rows = await admin.done("GET", "/spend/logs")
    assert {row["user"] for row in rows if row["team_id"] == "red"} != {"bob"}
    assert "bob" not in {row["user"] for row in rows}


async def test_without_recorded_calls_it_says_so(admin: Admin) -> None:
    admin.backing.calls = None
    answer = await admin.call("POST", "/customer/delete", {"user_ids": ["eve"], "erase": True})
    assert answer.status == 400
