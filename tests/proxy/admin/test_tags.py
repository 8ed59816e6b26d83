"""Tags with budgets."""

from __future__ import annotations

from pipelines.allowance import account_name
from tests.proxy.admin.harness import NOW, Admin


async def test_a_tag_is_made_changed_and_deleted() -> None:
    admin = Admin()
    body = {"name": "eu", "description": "Europe", "max_budget": 1, "budget_duration": "1d"}
    made = await admin.done("POST", "/tag/new", body)
    assert made["message"] == "Tag eu created successfully"
    assert (made["tag"]["name"], made["tag"]["max_budget"]) == ("eu", 1.0)
    changed = await admin.done("POST", "/tag/update", {"name": "eu", "rpm_limit": 3})
    assert (changed["tag"]["description"], changed["tag"]["rpm_limit"]) == ("Europe", 3)
    await admin.ledger.set_spent(account_name("tag:eu", "1d", NOW.timestamp()), 10**9)
    info = await admin.done("POST", "/tag/info", {"names": ["eu"]})
    assert (info["eu"]["spend"], info["eu"]["budget_reset_at"]) == (1.0, "2026-05-14T00:00:00Z")
    assert [one["name"] for one in await admin.done("GET", "/tag/list", {"search": "E"})] == ["eu"]
    gone = await admin.done("POST", "/tag/delete", {"name": "eu"})
    assert gone["message"] == "Tag eu deleted successfully"


async def test_what_is_not_there_or_there_twice_is_said() -> None:
    admin = Admin()
    await admin.done("POST", "/tag/new", {"name": "a"})
    for path, body, status in (
        ("/tag/new", {"name": "a"}, 400),
        ("/tag/update", {"name": "b"}, 404),
        ("/tag/info", {"names": ["b"]}, 404),
        ("/tag/delete", {"name": "b"}, 404),
    ):
        assert (await admin.call("POST", path, body)).status == status
