"""What the user routes take.

The rule: what concerns the user is his, what concerns a key goes to the key that is made with him;
a password is taken and forgotten, for nobody signs in with one here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from proxy.admin.fields import Body, MaybeName, Name, Page, PageSize, Text, Usd
from proxy.admin.ids import MaybeId
from proxy.admin.keys_bodies import KeyBody, Names

UserRole = Literal["proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer"]
AnyRole = Literal[
    "proxy_admin",
    "proxy_admin_viewer",
    "org_admin",
    "internal_user",
    "internal_user_viewer",
    "team",
    "customer",
]


class UserTeam(Body):
    """A team to put a new user into, with his limit there in US dollars."""

    team_id: Name
    max_budget_in_team: Usd | None = None
    user_role: Literal["user", "admin"] = "user"


class UserBody(KeyBody):
    """What a user can have."""

    user_email: MaybeName = None
    user_alias: MaybeName = None
    user_role: UserRole | None = None
    sso_user_id: MaybeName = None
    password: Text | None = None


class NewUser(UserBody):
    """A new user, and the key that is made with him."""

    user_id: MaybeId = None

    teams: Annotated[list[Name | UserTeam], Field(max_length=500)] | None = None
    organizations: Names | None = None
    auto_create_key: bool = True
    send_invite_email: bool | None = None


class UpdateUser(UserBody):
    """What to change of a user, named by his id or his address."""


class BulkUpdateUsers(Body):
    """Several users to change, or all of them alike."""

    users: Annotated[list[UpdateUser], Field(max_length=500)] | None = None
    all_users: bool = False
    user_updates: UserBody | None = None


class UserQuery(Body):
    """One user; nothing: the caller."""

    user_id: Name | None = None


class DeleteUsers(Body):
    """Users to delete, with their keys."""

    user_ids: Annotated[list[Name], Field(min_length=1, max_length=500)]
    # Their prompts go too, and a random name takes their place in the records of their calls.
    erase: bool = False


class ListUsers(Body):
    """Which users to list, and which page of them; lists are separated by commas."""

    role: AnyRole | None = None
    user_ids: Text | None = None
    sso_user_ids: Text | None = None
    user_email: Name | None = None
    search: Name | None = None
    team: Name | None = None
    organization_ids: Text | None = None
    page: Page = 1
    page_size: PageSize = 25
    sort_by: (
        Literal["user_id", "user_email", "created_at", "user_role", "spend", "user_alias"] | None
    ) = None
    sort_order: Literal["asc", "desc"] = "asc"
