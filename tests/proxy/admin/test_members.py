"""Members come into teams, change there and go."""

from __future__ import annotations

from proxy.stores.entities.kinds import Key, Membership, User
from tests.proxy.admin.harness import Admin
from tests.proxy.admin.test_teams import BLUE, RED, world


async def _row(admin: Admin, id: str) -> Membership:
    row = await admin.store.get(Membership, id)
    assert row is not None
    return row


async def test_a_teams_admin_adds_a_member_with_a_budget() -> None:
    admin = world()
    body = {
        "team_id": "red",
        "member": {"user_id": "carl", "role": "user"},
        "max_budget_in_team": 0.7,
        "budget_duration": "1d",
        "allowed_models": ["gpt-5"],
    }
    answer = await admin.done("POST", "/team/member_add", body, RED)
    assert answer["team_id"] == "red"
    assert answer["updated_users"] == [{"user_id": "carl", "user_email": None}]
    (membership,) = answer["updated_team_memberships"]
    assert membership["litellm_budget_table"]["max_budget"] == 0.7
    row = await _row(admin, "red/carl")
    assert (row.max_budget, row.allowed_models) == (700_000_000, ("gpt-5",))
    user = await admin.store.get(User, "carl")
    assert user is not None
    assert user.role == "internal_user"


async def test_members_are_found_by_their_e_mail() -> None:
    admin = world()
    admin.user("carl", email="carl@example.com")
    members = [
        {"user_email": "carl@example.com", "role": "user"},
        {"user_email": "new@example.com", "role": "admin"},
    ]
    answer = await admin.done("POST", "/team/member_add", {"team_id": "red", "member": members})
    assert answer["updated_users"][0]["user_id"] == "carl"
    assert len(answer["members_with_roles"]) == 3
    body = {"team_id": "red", "user_email": "new@example.com", "role": "user"}
    assert (await admin.done("POST", "/team/member_update", body))["role"] == "user"
    gone = {"team_id": "red", "user_email": "carl@example.com"}
    await admin.done("POST", "/team/member_delete", gone)
    assert await admin.store.get(Membership, "red/carl") is None


async def test_an_e_mail_of_two_users_names_none() -> None:
    admin = world()
    admin.user("c1", email="c@example.com")
    admin.user("c2", email="c@example.com")
    body = {"team_id": "red", "member": {"user_email": "c@example.com", "role": "user"}}
    assert (await admin.call("POST", "/team/member_add", body)).status == 400
    member = {"user_id": "c3", "user_email": "c@example.com", "role": "user"}
    body = {"team_id": "red", "member": member}
    await admin.done("POST", "/team/member_add", body)
    user = await admin.store.get(User, "c3")
    assert user is not None
    assert user.email is None


async def test_nobody_is_added_twice_or_without_a_name() -> None:
    admin = world()
    body = {"team_id": "red", "member": {"user_id": "ann", "role": "user"}}
    client = await admin.call("POST", "/team/member_add", body)
    assert client.status == 400
    assert client.json["error"]["type"] == "team_member_already_in_team"
    nameless = {"team_id": "red", "member": {"role": "user"}}
    assert (await admin.call("POST", "/team/member_add", nameless)).status == 422


async def test_only_a_teams_own_admin_adds_members() -> None:
    admin = world()
    body = {"team_id": "blue", "member": {"user_id": "ann", "role": "admin"}}
    assert (await admin.call("POST", "/team/member_add", body, RED)).status == 404
    assert (await admin.call("POST", "/team/member_add", body, BLUE)).status == 403


async def test_several_members_are_added_each_by_itself() -> None:
    admin = world()
    members = [{"user_id": "ann", "role": "user"}, {"user_id": "carl", "role": "user"}]
    answer = await admin.done(
        "POST", "/team/bulk_member_add", {"team_id": "red", "members": members}
    )
    assert (answer["successful_updates"], answer["failed_updates"]) == (1, 1)
    assert [one["success"] for one in answer["results"]] == [False, True]
    everybody = {"team_id": "blue", "all_users": True}
    assert (await admin.done("POST", "/team/bulk_member_add", everybody))["total_requested"] == 4
    empty = await admin.call("POST", "/team/bulk_member_add", {"team_id": "blue"})
    assert empty.status == 400


async def test_a_members_limits_change_and_a_raise_is_not_his_admins_to_give() -> None:
    admin = world()
    body = {"team_id": "red", "user_id": "ann", "max_budget_in_team": 3, "rpm_limit": 5}
    answer = await admin.done("POST", "/team/member_update", body, RED)
    assert (answer["max_budget_in_team"], answer["rpm_limit"]) == (3.0, 5)
    row = await _row(admin, "red/ann")
    assert (row.max_budget, row.rpm_limit, row.role) == (3_000_000_000, 5, "admin")
    raised = {"team_id": "red", "user_id": "ann", "temp_budget_increase": 5}
    assert (await admin.call("POST", "/team/member_update", raised, RED)).status == 403
    await admin.done("POST", "/team/member_update", raised)
    stranger = {"team_id": "red", "user_id": "bob", "role": "admin"}
    assert (await admin.call("POST", "/team/member_update", stranger)).status == 404
    nobody = {"team_id": "red"}
    assert (await admin.call("POST", "/team/member_update", nobody)).status == 422


async def test_who_leaves_a_team_loses_his_keys_of_it() -> None:
    admin = world()
    inside = admin.key("sk-red-own-000001", team_id="red", user_id="ann")
    outside = admin.key("sk-ann-own-000001", user_id="ann")
    await admin.done("POST", "/team/member_delete", {"team_id": "red", "user_id": "ann"})
    assert await admin.store.get(Key, inside.id) is None
    assert await admin.store.get(Key, outside.id) is not None
