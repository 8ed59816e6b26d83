"""Makes keys.

The rule: a secret is random, shown to its maker once, and kept as a digest only.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from proxy.admin.errors import Refusal
from proxy.admin.keys_answers import GeneratedKey, generated
from proxy.admin.keys_bodies import GenerateKey
from proxy.admin.keys_bounds import bounded, check_bounds, with_defaults
from proxy.admin.keys_fields import fields_of, with_rotation
from proxy.admin.keys_grants import check_new, narrowed, placed
from proxy.admin.money import nano
from proxy.admin.session import Session
from proxy.admin.spending import duration_of, reset, shared_budgets
from proxy.stores.entities.kinds import Key, Team
from proxy.stores.entities.store import Query, Taken
from proxy.stores.keys.digest import key_name

SECRET_BYTES = 32

# Fills in a key's owner and organization, and finds its team; refuses who may not put it there.
Place = Callable[[Session, Key, str], Awaitable[tuple[Key, Team | None]]]


def new_secret() -> str:
    """A secret that nobody guesses: sk- and 43 characters."""
    return f"sk-{secrets.token_urlsafe(SECRET_BYTES)}"


async def generate(session: Session, body: GenerateKey) -> GeneratedKey:
    """Make a key; its secret is shown this once."""
    return await make_key(session, body, "/key/generate")


async def generate_for_service(session: Session, body: GenerateKey) -> GeneratedKey:
    """Make a key that belongs to a team and to no user."""
    if body.team_id is None:
        raise Refusal("team_id is required for service account keys.", "team_id")
    session.demand(
        session.reach.leads_team(body.team_id), "Only who leads a team makes its service accounts."
    )
    path = "/key/service-account/generate"
    sent = {**sent_of(body), "user_id": None}
    metadata = {**(body.metadata or {}), "service_account_id": body.key_alias}
    return await make_key(
        session, GenerateKey.model_validate({**sent, "metadata": metadata}), path, _for_nobody
    )


async def make_key(
    session: Session, body: GenerateKey, path: str, place: Place = placed
) -> GeneratedKey:
    """Make a key as this body says, checked for who makes it; `place` says whose it is.

    Raises NotAllowed, NotFound and Refusal.
    """
    check_new(session, sent_of(body))
    check_bounds(session, body)
    body = with_defaults(session, body)
    check_bounds(session, body)
    sent = sent_of(body)
    await check_alias(session, body.key_alias, None)
    secret = body.key or new_secret()
    digest = session.digest(secret)
    name = session.actor.name
    key = Key(
        id=uuid.uuid4().hex,
        digest=digest,
        name=key_name(secret),
        created_at=session.now,
        created_by=name,
        updated_at=session.now,
        updated_by=name,
    ).model_copy(update=fields_of(body, session.now, {}))
    key, team = await place(session, key, path)
    key = bounded(session, await narrowed(session, key, team))
    key = with_rotation(key, session.now)
    try:
        await session.entities.add(key, session.actor)
    except Taken:
        raise Refusal("A key with this secret exists already.", "key") from None
    if body.spend:
        await set_spend(session, key, body.spend)
    return await generated(session, key, secret, sent)


async def _for_nobody(session: Session, key: Key, path: str) -> tuple[Key, Team | None]:
    key, team = await placed(session, key, path)
    return key.model_copy(update={"user_id": None}), team


def sent_of(body: GenerateKey) -> dict[str, Any]:
    """What was sent, unknown fields included."""
    return body.model_dump(exclude_unset=True)


async def set_spend(session: Session, key: Key, spend: float) -> None:
    """Write anew what a key has spent in its budget periods, in US dollars."""
    shared = await shared_budgets(session.entities, [key])
    own = duration_of(key, shared.get(key.budget_id or ""))
    others = [one.budget_duration for one in key.budget_limits]
    await reset(session.ledger, f"key:{key.id}", (own, others), nano(spend), session.now)


async def check_alias(session: Session, alias: str | None, own_id: str | None) -> None:
    """Raises Refusal where another key has this alias."""
    if alias is None:
        return
    found = await session.entities.find(Key, Query(where={"alias": alias}, limit=2))
    if any(one.id != own_id for one in found):
        raise Refusal(
            f"Key with alias {alias!r} already exists. Unique key aliases across all keys are"
            " required.",
            "key_alias",
        )
