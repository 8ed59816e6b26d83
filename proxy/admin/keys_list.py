"""Shows keys: one, several, or a page of them.

The rule: whatever is asked for, only what the caller may see is counted and shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from proxy.admin.errors import MalformedKeys, NotFound
from proxy.admin.keys_answers import (
    AliasList,
    Callbacks,
    KeyHealth,
    KeyInfo,
    KeyList,
    KeysInfo,
    Token,
    tokens,
    without_digest,
)
from proxy.admin.keys_bodies import InfoQuery, ListAliases, ListKeys, SeveralKeys
from proxy.admin.keys_found import NOT_FOUND, key_of, sees, visible_key
from proxy.admin.session import Session
from proxy.stores.entities.kinds import Key, Membership
from proxy.stores.entities.store import Query

MOST_ROWS = 20_000

# The sort orders that the store knows; by all others the rows are sorted here.
_SORTS: Mapping[str, str] = MappingProxyType(
    {
        "created_at": "created_at",
        "key_alias": "alias",
        "expires": "expires",
        "user_id": "user_id",
        "team_id": "team_id",
        "token": "digest",
    }
)

_FIELDS: Mapping[str, str] = MappingProxyType(
    {**_SORTS, "updated_at": "updated_at", "key_name": "name", "max_budget": "max_budget"}
)


async def info(session: Session, query: InfoQuery) -> KeyInfo:
    """Show one key, or the caller's own."""
    key = session.key if query.key is None else await visible_key(session, query.key)
    if key is None:
        raise NotFound(NOT_FOUND, "key")
    (row,) = await tokens(session, [key])
    return KeyInfo(key=query.key or key.digest, info=without_digest(row))


async def infos(session: Session, body: SeveralKeys) -> KeysInfo:
    """Show several keys; those that there are not are left out."""
    if not body.keys:
        raise MalformedKeys
    found: list[tuple[str, Key]] = []
    for named in body.keys:
        key = await key_of(session, named)
        if key is not None and await sees(session, key):
            found.append((named, key))
    rows = await tokens(session, [key for _, key in found])
    return KeysInfo(key=[named for named, _ in found], info=[without_digest(one) for one in rows])


async def health(session: Session, _: object) -> KeyHealth:
    """Say whether the caller's own key works as it is set up."""
    return KeyHealth(key="healthy", logging_callbacks=Callbacks())


async def list_keys(session: Session, query: ListKeys) -> KeyList:
    """List keys by filters, a page at a time."""
    plans = await _plans(session, query)
    offset = (query.page - 1) * query.size
    if session.reach.sees_all and len(plans) == 1 and _in_store(query):
        plan = Query(
            where=plans[0],
            search=_search(query),
            sort=_SORTS[query.sort_by or "created_at"],
            descending=query.sort_order == "desc",
            offset=offset,
            limit=query.size,
        )
        total, shown = (
            await session.entities.count(Key, plan),
            await session.entities.find(Key, plan),
        )
    else:
        rows = await _gathered(session, plans, _search(query))
        fitting = [one for one in rows if _fits(one, query, session.now)]
        rows = await _sorted(session, fitting, query)
        total, shown = len(rows), rows[offset : offset + query.size]
    keys: list[str | Token] = [one.digest for one in shown]
    if query.return_full_object:
        keys = list[str | Token](await tokens(session, shown))
    return KeyList(
        keys=keys,
        total_count=total,
        current_page=query.page,
        total_pages=-(-total // query.size),
    )


async def aliases(session: Session, query: ListAliases) -> AliasList:
    """List the aliases of keys, a page at a time."""
    wanted = ListKeys(team_id=query.team_id, include_team_keys=True)
    search = {"alias": query.search} if query.search else {}
    rows = await _gathered(session, await _plans(session, wanted), search)
    names = sorted({one.alias for one in rows if one.alias})
    start = (query.page - 1) * query.size
    return AliasList(
        aliases=names[start : start + query.size],
        total_count=len(names),
        current_page=query.page,
        total_pages=-(-len(names) // query.size),
        size=query.size,
    )


async def _plans(session: Session, query: ListKeys) -> list[dict[str, object]]:
    """Conditions of which any one must hold."""
    where: dict[str, object] = {}
    for name in ("user_id", "team_id", "organization_id"):
        if getattr(query, name) is not None and not (
            name == "user_id" and query.substring_matching
        ):
            where[name] = getattr(query, name)
    if query.key_hash is not None:
        where["digest"] = query.key_hash
    if query.key_alias is not None and not query.substring_matching:
        where["alias"] = query.key_alias
    reach = session.reach
    if reach.sees_all:
        return [where, *await _of_others(session, query, where)]
    found: list[dict[str, object]] = []
    if reach.user_id is not None:
        found.append({"user_id": reach.user_id, **where})
        if query.include_created_by_keys:
            found.append({"created_by": reach.user_id, **where})
    asks_for_team = query.team_id is not None or query.organization_id is not None
    if reach.led_teams and (query.include_team_keys or asks_for_team or query.user_id is not None):
        found.append({"team_id": sorted(reach.led_teams), **where})
    if reach.organization_ids:
        found.append({"organization_id": sorted(reach.organization_ids), **where})
    return found


async def _of_others(
    session: Session, query: ListKeys, where: dict[str, object]
) -> list[dict[str, object]]:
    if query.user_id is None:
        return []
    rest = {name: one for name, one in where.items() if name != "user_id"}
    found: list[dict[str, object]] = []
    if query.include_team_keys:
        led = Query(where={"user_id": query.user_id}, limit=MOST_ROWS)
        members = await session.entities.find(Membership, led)
        teams = sorted(one.team_id for one in members if one.role == "admin")
        if teams and "team_id" not in rest:
            found.append({**rest, "team_id": teams})
    if query.include_created_by_keys:
        found.append({**rest, "created_by": query.user_id})
    return found


async def _gathered(
    session: Session, plans: Iterable[dict[str, object]], search: Mapping[str, str]
) -> list[Key]:
    found: dict[str, Key] = {}
    for where in plans:
        plan = Query(where=where, search=search, limit=MOST_ROWS)
        for one in await session.entities.find(Key, plan):
            if session.reach.sees_key(one):
                found[one.id] = one
    return list(found.values())


def _search(query: ListKeys) -> dict[str, str]:
    found: dict[str, str] = {}
    if query.substring_matching:
        pairs = (("alias", query.key_alias), ("user_id", query.user_id))
        found |= {name: text for name, text in pairs if text is not None}
    if query.search is not None:
        found["alias"] = query.search
    return found


def _in_store(query: ListKeys) -> bool:
    here = (query.status, query.project_id, query.access_group_id, query.agent_id, query.expires)
    return not any(one is not None for one in here) and (query.sort_by or "created_at") in _SORTS


def _fits(key: Key, query: ListKeys, now: datetime) -> bool:
    over = key.expires is not None and key.expires <= now
    states = {"active": not over and not key.blocked, "expired": over, "revoked": key.blocked}
    return (
        (query.status is None or states.get(query.status, False))
        and query.project_id in (None, key.settings.get("project_id"))
        and query.agent_id in (None, key.settings.get("agent_id"))
        and (query.access_group_id is None or query.access_group_id in key.access_group_ids)
        and (query.expires is None or (key.expires is not None and key.expires <= query.expires))
    )


async def _sorted(session: Session, keys: list[Key], query: ListKeys) -> list[Key]:
    if query.sort_by == "spend":
        rows = await tokens(session, keys)
        values: dict[str, Any] = {one.id: row.spend for one, row in zip(keys, rows, strict=True)}
    else:
        name = _FIELDS.get(query.sort_by or "created_at", "created_at")
        values = {one.id: getattr(one, name) for one in keys}
    known = [one for one in keys if values[one.id] is not None]
    known.sort(key=lambda one: (values[one.id], one.id), reverse=query.sort_order == "desc")
    return known + [one for one in keys if values[one.id] is None]
