"""What keys, users, tags and everybody have spent."""

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


async def test_all_calls_together(admin: Admin) -> None:
    assert await admin.done("GET", "/global/spend") == {"spend": 0.006, "max_budget": 0.0}


async def test_keys_users_and_tags_are_listed_with_what_they_spent(admin: Admin) -> None:
    await admin.ledger.set_spent("key:id-bob", 2_000_000_000)
    await admin.ledger.set_spent("user:bob", 3_000_000_000)
    await admin.ledger.set_spent("tag:t", 4_000_000_000)
    keys = await admin.done("GET", "/spend/keys")
    assert [one["spend"] for one in keys] == [2.0, 0.0]
    users = await admin.done("GET", "/spend/users")
    assert [(one["user_id"], one["spend"]) for one in users] == [("bob", 3.0), ("alice", 0.0)]
    assert len(await admin.done("GET", "/spend/users", {"user_id": "alice"})) == 1
    tags = await admin.done("GET", "/spend/tags")
    assert tags == [
        {"individual_request_tag": "t", "log_count": 0, "total_spend": 4.0},
        {"individual_request_tag": "x", "log_count": 1, "total_spend": 0.0015},
    ]
    days = {"start_date": "2026-05-12", "end_date": "2026-05-12"}
    assert await admin.done("GET", "/spend/tags", days) == tags[1:]


@pytest.mark.parametrize(
    "path", ["/spend/keys", "/spend/users", "/spend/tags", "/global/spend", "/global/spend/report"]
)
async def test_what_all_have_spent_is_for_administrators(admin: Admin, path: str) -> None:
    assert (await admin.call("GET", path, caller="sk-alice")).status == 403
