"""The routes of users.

The rule: who may call a route stands here, whom he reaches with it in the handlers.
"""

from __future__ import annotations

from proxy.admin.frame import Endpoint
from proxy.admin.roles import ADMIN, SIGNED_IN, WRITERS
from proxy.admin.users_answers import (
    NewUserAnswer,
    RoleWords,
    UpdatedUser,
    UserInfo,
    UserPage,
    UserResults,
    UserRow,
)
from proxy.admin.users_bodies import (
    BulkUpdateUsers,
    DeleteUsers,
    ListUsers,
    NewUser,
    UpdateUser,
    UserQuery,
)
from proxy.admin.users_change import bulk_update_users, delete_users, new_user, update_user
from proxy.admin.users_list import available_roles, flat_user_info, list_users, user_info

USER_ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/user/new",
        handler=new_user,
        body=NewUser,
        answer=NewUserAnswer,
        roles=WRITERS,
    ),
    Endpoint(
        method="GET",
        path="/user/info",
        handler=user_info,
        query=UserQuery,
        answer=UserInfo,
        roles=SIGNED_IN,
    ),
    Endpoint(
        method="GET",
        path="/v2/user/info",
        handler=flat_user_info,
        query=UserQuery,
        answer=UserRow,
        roles=SIGNED_IN,
    ),
    Endpoint(
        method="POST",
        path="/user/update",
        handler=update_user,
        body=UpdateUser,
        answer=UpdatedUser,
        roles=WRITERS,
    ),
    Endpoint(
        method="GET",
        path="/user/list",
        handler=list_users,
        query=ListUsers,
        answer=UserPage,
        roles=SIGNED_IN,
    ),
    Endpoint(
        method="POST",
        path="/user/delete",
        handler=delete_users,
        body=DeleteUsers,
        answer=int,
        roles=WRITERS,
    ),
    Endpoint(
        method="GET",
        path="/user/available_roles",
        handler=available_roles,
        answer=dict[str, RoleWords],
        roles=SIGNED_IN,
    ),
    Endpoint(
        method="POST",
        path="/user/bulk_update",
        handler=bulk_update_users,
        body=BulkUpdateUsers,
        answer=UserResults,
        roles=ADMIN,
    ),
)
