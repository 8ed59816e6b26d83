"""Changes keys, and takes them away.

The rule: what is checked is the key as it would be afterwards, and only the fields that were sent
are written.
"""

from __future__ import annotations

from typing import Any

from proxy.admin.errors import Malformed, NotAllowed, NotFound, Refusal
from proxy.admin.keys_answers import (
    BulkResult,
    Changed,
    DeletedKeys,
    Token,
    Unchanged,
    UpdatedKey,
    tokens,
)
from proxy.admin.keys_bodies import BulkUpdate, DeleteKeys, KeyBody, OneKey, ResetSpend, UpdateKey
from proxy.admin.keys_bounds import bounded, check_bounds
from proxy.admin.keys_fields import fields_of, with_rotation
from proxy.admin.keys_found import demand_change, key_of, sees, visible_key
from proxy.admin.keys_grants import check_change, covers, narrowed, placed
from proxy.admin.keys_make import check_alias, set_spend
from proxy.admin.money import nano
from proxy.admin.session import Session
from proxy.admin.spending import shared_budgets, spending_of
from proxy.stores.entities.kinds import Key, Team
from proxy.stores.entities.store import Query

_PLACE = frozenset({"team_id", "user_id", "organization_id"})
_MISSING = "Key not found."
_MOST = 500


async def update(session: Session, body: UpdateKey) -> UpdatedKey:
    """Change the fields of a key that are in the body."""
    key = await _updated(session, body)
    return UpdatedKey(key=body.key, **(await _row(session, key)).model_dump())


async def bulk_update(session: Session, body: BulkUpdate) -> BulkResult:
    """Change several keys, each by itself."""
    good: list[Changed] = []
    bad: list[Unchanged] = []
    for one in body.keys:
        try:
            key = await _updated(session, one)
            good.append(Changed(key=one.key, key_info=await _row(session, key)))
        except Refusal as error:
            bad.append(Unchanged(key=one.key, failed_reason=error.message))
    return BulkResult(total_requested=len(body.keys), successful_updates=good, failed_updates=bad)


async def block(session: Session, body: OneKey) -> Token:
    """Let a key do nothing until it is unblocked."""
    return await _set_blocked(session, body.key, True)


async def unblock(session: Session, body: OneKey) -> Token:
    """Let a key work again."""
    return await _set_blocked(session, body.key, False)


async def reset_spend(session: Session, body: ResetSpend) -> Token:
    """Write anew what a key has spent in its running budget period."""
    key = await visible_key(session, session.path["key"], _MISSING)
    session.demand(session.reach.leads_key(key), "You may not reset what this key has spent.")
    shared = await shared_budgets(session.entities, [key])
    rows = [(f"key:{key.id}", key)]
    (spending,) = await spending_of(session.ledger, rows, shared, session.now)
    wanted = nano(body.reset_to)
    if wanted > spending.spent:
        raise Refusal("reset_to is more than what this key has spent.", "reset_to")
    if key.max_budget is not None and wanted > key.max_budget:
        raise Refusal("reset_to is more than the key's max_budget.", "reset_to")
    await set_spend(session, key, body.reset_to)
    return await _row(session, key)


async def delete(session: Session, body: DeleteKeys) -> DeletedKeys:
    """Take keys away, all that are named or none."""
    if body.keys:
        named = body.keys
        found = [await key_of(session, one) for one in named]
    elif body.key_aliases:
        named = body.key_aliases
        where: dict[str, object] = {"alias": named}
        rows = await session.entities.find(Key, Query(where=where, limit=_MOST))
        found = [next((one for one in rows if one.alias == alias), None) for alias in named]
    else:
        raise Malformed.at("body", "keys or key_aliases is needed", "keys")
    for one in found:
        if one is None or not await sees(session, one):
            raise Refusal("Not all keys passed in were found; none was deleted.", "keys")
        await demand_change(session, one, "/key/delete")
    ids = list(dict.fromkeys(one.id for one in found if one is not None))
    await session.entities.remove(Key, ids, session.actor)
    return DeletedKeys(deleted_keys=list(named))


async def _updated(session: Session, body: UpdateKey) -> Key:
    key = await visible_key(session, body.key)
    await demand_change(session, key, "/key/update")
    return await changed(session, key, body, {})


async def changed(session: Session, key: Key, body: KeyBody, more: dict[str, Any]) -> Key:
    """The key after this body's changes and `more`, written down.

    Raises NotAllowed, NotFound and Refusal.
    """
    sent = body.model_dump(exclude_unset=True)
    names = set(sent)
    check_change(session, key, sent, names)
    check_bounds(session, body)
    if session.key is not None and not session.reach.admin and not covers(session.key, key):
        raise NotAllowed("Your key has less than this key, and so may not change it.")
    if "key_alias" in names:
        await check_alias(session, body.key_alias, key.id)
    wanted = key.model_copy(update=fields_of(body, session.now, key.settings))
    wanted, team = await _placed(session, wanted, names)
    wanted = bounded(session, await narrowed(session, wanted, team), names)
    wanted = with_rotation(wanted, session.now)
    fields = {
        name: getattr(wanted, name)
        for name in Key.model_fields
        if getattr(wanted, name) != getattr(key, name)
    }
    written = await _write(session, key.id, {**fields, **more})
    if body.spend is not None:
        await set_spend(session, written, body.spend)
    return written


async def _placed(session: Session, key: Key, names: set[str]) -> tuple[Key, Team | None]:
    if names & _PLACE:
        return await placed(session, key, "/key/update")
    if session.reach.admin or key.team_id is None:
        return key, None
    return key, await session.entities.get(Team, key.team_id)


async def _write(session: Session, id: str, fields: dict[str, Any]) -> Key:
    fields |= {"updated_at": session.now, "updated_by": session.actor.name}
    written = await session.entities.change(
        Key, id, lambda key: key.model_copy(update=fields), session.actor
    )
    if written is None:
        raise NotFound(_MISSING, "key")
    return written


async def _set_blocked(session: Session, named: str, blocked: bool) -> Token:
    key = await visible_key(session, named, _MISSING)
    session.demand(session.reach.leads_key(key), "You may not block or unblock this key.")
    return await _row(session, await _write(session, key.id, {"blocked": blocked}))


async def _row(session: Session, key: Key) -> Token:
    (row,) = await tokens(session, [key])
    return row
