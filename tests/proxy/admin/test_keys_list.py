"""Lists of keys: filters, pages, and who sees what."""

from __future__ import annotations

from typing import Any

import pytest

from tests.proxy.admin.harness import Admin, later
from tests.proxy.admin.test_keys_answers import INFO_FIELDS


def _many() -> Admin:
    admin = Admin()
    admin.user("ann")
    admin.user("bob")
    admin.team("red", ann="admin", bob="user")
    admin.key("sk-1", user_id="ann", alias="ann-one", created_by="bob")
    admin.key("sk-2", user_id="ann", alias="ann-two", expires=later(hours=-1))
    admin.key("sk-3", user_id="bob", alias="bob-one", blocked=True, created_by="ann")
    admin.key("sk-4", team_id="red", alias="red-one", settings={"project_id": "p"})
    admin.key("sk-5", team_id="blue", alias="blue-one", organization_id="org")
    admin.key("sk-6", user_id="bob", team_id="red", access_group_ids=("g",), max_budget=5)
    return admin


async def _found(admin: Admin, caller: str = "sk-master", **query: Any) -> list[str]:
    asked = {"return_full_object": "true", "sort_by": "key_name", "sort_order": "asc", "size": 100}
    answer = await admin.done("GET", "/key/list", {**asked, **query}, caller)
    assert answer["total_count"] == len(answer["keys"])
    return [one["key_name"][-1] for one in answer["keys"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "123456"),
        ({"user_id": "ann"}, "12"),
        ({"user_id": "an", "substring_matching": "true"}, "12"),
        ({"user_id": "ann", "include_team_keys": "true"}, "1246"),
        ({"user_id": "ann", "include_created_by_keys": "true"}, "123"),
        ({"team_id": "red"}, "46"),
        ({"organization_id": "org"}, "5"),
        ({"key_alias": "ann-one"}, "1"),
        ({"key_alias": "one"}, ""),
        ({"key_alias": "one", "substring_matching": "true"}, "1345"),
        ({"search": "ONE"}, "1345"),
        ({"status": "active"}, "1456"),
        ({"status": "expired"}, "2"),
        ({"status": "revoked"}, "3"),
        ({"status": "deleted"}, ""),
        ({"project_id": "p"}, "4"),
        ({"access_group_id": "g"}, "6"),
        ({"agent_id": "x"}, ""),
        ({"expires": "2026-05-13T12:00:00Z"}, "2"),
    ],
)
async def test_an_administrator_filters_all_keys(query: dict[str, str], expected: str) -> None:
    assert await _found(_many(), **query) == list(expected)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "12"),
        ({"include_team_keys": "true"}, "1246"),
        ({"team_id": "red"}, "46"),
        ({"team_id": "blue"}, ""),
        ({"user_id": "bob"}, "6"),
        ({"include_created_by_keys": "true"}, "12"),
        ({"organization_id": "org"}, ""),
    ],
)
async def test_a_user_finds_his_own_and_those_of_the_teams_that_he_leads(
    query: dict[str, str], expected: str
) -> None:
    assert await _found(_many(), "sk-1", **query) == list(expected)


async def test_a_member_finds_nothing_of_his_colleagues() -> None:
    assert await _found(_many(), "sk-3", include_team_keys="true") == ["3", "6"]
    assert await _found(_many(), "sk-3", user_id="ann") == []


async def test_pages_follow_each_other() -> None:
    admin = _many()
    seen: list[str] = []
    for page in (1, 2, 3):
        answer = await admin.done("GET", "/key/list", {"page": page, "size": 2})
        assert list(answer) == ["keys", "total_count", "current_page", "total_pages"]
        assert (answer["total_count"], answer["total_pages"]) == (6, 3)
        assert answer["current_page"] == page
        seen += answer["keys"]
    assert len(set(seen)) == 6
    assert (await admin.done("GET", "/key/list", {"page": 9}))["keys"] == []


async def test_whole_rows_have_the_columns_of_litellm() -> None:
    answer = await _many().done("GET", "/key/list", {"return_full_object": "true"})
    assert all(sorted(one) == sorted([*INFO_FIELDS, "token"]) for one in answer["keys"])


async def test_keys_are_sorted_by_what_they_spent_and_the_unlimited_come_last() -> None:
    admin = _many()
    await admin.ledger.set_spent("key:id-4", 9)
    assert (await _found(admin, sort_by="spend", sort_order="desc"))[0] == "4"
    assert (await _found(admin, sort_by="max_budget", sort_order="desc"))[0] == "6"


@pytest.mark.parametrize("query", [{"size": 101}, {"page": 0}, {"sort_by": "x"}, {"status": "x"}])
async def test_a_filter_that_is_none_is_refused(query: dict[str, Any]) -> None:
    client = await Admin().call("GET", "/key/list", query)
    assert client.status == 422
    assert client.json["detail"][0]["loc"] == ["query", *query]


async def test_aliases_are_listed_in_order() -> None:
    answer = await _many().done("GET", "/key/aliases", {"size": 2})
    assert answer == {
        "aliases": ["ann-one", "ann-two"],
        "total_count": 5,
        "current_page": 1,
        "total_pages": 3,
        "size": 2,
    }
    found = await _many().done("GET", "/key/aliases", {"search": "one"}, "sk-1")
    assert found["aliases"] == ["ann-one", "red-one"]
