"""The routes of keys.

The rule: who may call a route stands here, whose keys he reaches with it in the handlers.
"""

from __future__ import annotations

from proxy.admin.frame import Endpoint
from proxy.admin.keys_answers import (
    AliasList,
    BulkResult,
    DeletedKeys,
    GeneratedKey,
    KeyHealth,
    KeyInfo,
    KeyList,
    KeysInfo,
    Token,
    UpdatedKey,
)
from proxy.admin.keys_bodies import (
    BulkUpdate,
    DeleteKeys,
    GenerateKey,
    InfoQuery,
    ListAliases,
    ListKeys,
    Nothing,
    OneKey,
    RegenerateKey,
    ResetSpend,
    SeveralKeys,
    UpdateKey,
)
from proxy.admin.keys_change import block, bulk_update, delete, reset_spend, unblock, update
from proxy.admin.keys_list import aliases, health, info, infos, list_keys
from proxy.admin.keys_make import generate, generate_for_service
from proxy.admin.keys_rotate import regenerate, regenerate_named
from proxy.admin.roles import ADMIN, EVERYBODY, SIGNED_IN, WRITERS

KEY_ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/key/generate",
        handler=generate,
        body=GenerateKey,
        answer=GeneratedKey,
        roles=WRITERS,
    ),
    Endpoint(
        method="POST",
        path="/key/service-account/generate",
        handler=generate_for_service,
        body=GenerateKey,
        answer=GeneratedKey,
        roles=WRITERS,
    ),
    Endpoint(
        method="POST",
        path="/key/update",
        handler=update,
        body=UpdateKey,
        answer=UpdatedKey,
        roles=WRITERS,
    ),
    Endpoint(
        method="POST",
        path="/key/bulk_update",
        handler=bulk_update,
        body=BulkUpdate,
        answer=BulkResult,
        roles=ADMIN,
    ),
    Endpoint(
        method="GET",
        path="/key/info",
        handler=info,
        query=InfoQuery,
        answer=KeyInfo,
        roles=EVERYBODY,
    ),
    Endpoint(
        method="POST",
        path="/v2/key/info",
        handler=infos,
        body=SeveralKeys,
        answer=KeysInfo,
        roles=EVERYBODY,
        reads=True,
    ),
    Endpoint(
        method="POST",
        path="/key/delete",
        handler=delete,
        body=DeleteKeys,
        answer=DeletedKeys,
        roles=WRITERS,
    ),
    Endpoint(
        method="GET",
        path="/key/list",
        handler=list_keys,
        query=ListKeys,
        answer=KeyList,
        roles=SIGNED_IN,
    ),
    Endpoint(
        method="GET",
        path="/key/aliases",
        handler=aliases,
        query=ListAliases,
        answer=AliasList,
        roles=SIGNED_IN,
    ),
    Endpoint(
        method="POST",
        path="/key/regenerate",
        handler=regenerate,
        body=RegenerateKey,
        answer=GeneratedKey,
        roles=WRITERS,
    ),
    Endpoint(
        method="POST",
        path="/key/{key}/regenerate",
        handler=regenerate_named,
        body=RegenerateKey,
        answer=GeneratedKey,
        roles=WRITERS,
    ),
    Endpoint(
        method="POST",
        path="/key/block",
        handler=block,
        body=OneKey,
        answer=Token,
        roles=WRITERS,
    ),
    Endpoint(
        method="POST",
        path="/key/unblock",
        handler=unblock,
        body=OneKey,
        answer=Token,
        roles=WRITERS,
    ),
    Endpoint(
        method="POST",
        path="/key/{key}/reset_spend",
        handler=reset_spend,
        body=ResetSpend,
        answer=Token,
        roles=WRITERS,
    ),
    Endpoint(
        method="POST",
        path="/key/health",
        handler=health,
        body=Nothing,
        answer=KeyHealth,
        roles=EVERYBODY,
        reads=True,
    ),
)
