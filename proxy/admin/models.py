"""Adds, changes, blocks and deletes models at run time.

The rule: what cannot be served is not stored, and what is stored is encrypted; nothing that came by
a request is looked up in the environment or in a file.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from proxy.admin.errors import DetailedNotFound, DetailedRefusal
from proxy.admin.fields import Answer, Body, Name
from proxy.admin.frame import Endpoint
from proxy.admin.ids import Id
from proxy.admin.models_answers import StoredAnswer, stored_shown
from proxy.admin.session import Session
from proxy.admin.shorthand import posting
from proxy.stores.entities.kinds import StoredModel
from proxy.stores.entities.sealing import CannotOpen
from proxy.stores.entities.store import Taken
from proxy.stores.entities.stored_models import ADDRESSES, NoSaltKey


class NewModel(Body):
    """A new way to serve a public name."""

    model_name: Name
    litellm_params: dict[str, Any]
    model_info: dict[str, Any] | None = None
    blocked: bool = False


class PatchModel(Body):
    """What to change of a stored model; parameters that are not there stay as they are, and those
    that are null go."""

    model_name: Name | None = None
    litellm_params: dict[str, Any] | None = None
    model_info: dict[str, Any] | None = None
    blocked: bool | None = None


class OneModel(Body):
    """One stored model."""

    id: Name


class Named(Body):
    """The id of a model."""

    id: Id | None = None


class Said(Answer):
    """What became of it, in words."""

    message: str


async def new_model(session: Session, body: NewModel) -> StoredAnswer:
    """Stores a model and serves it at once."""
    info = dict(body.model_info or {})
    named = info.pop("id", None)
    id = _id(named) or str(uuid.uuid4())
    if any(one.id == id for one in session.settings.routes.deployments):
        raise DetailedRefusal(f"There is a model with the id {id} already.", "model_info.id")
    model = StoredModel(
        id=id,
        model_name=body.model_name,
        sealed=_sealed(session, id, body.litellm_params),
        info=info,
        blocked=body.blocked,
        created_at=session.now,
        updated_at=session.now,
        created_by=session.actor.name,
    )
    _check(session, model, body.litellm_params)
    try:
        await session.entities.add(model, session.actor)
    except Taken:
        raise DetailedRefusal(f"There is a model with the id {id} already.") from None
    return await _served(session, model)


async def update_model(session: Session, body: PatchModel) -> StoredAnswer:
    """Changes what was sent of the model that `model_info.id` names."""
    named = _id((body.model_info or {}).get("id"))
    if named is None:
        raise DetailedRefusal("Pass the model's id as model_info.id.", "model_info.id")
    return await _patched(session, named, body)


async def patch_model(session: Session, body: PatchModel) -> StoredAnswer:
    """Changes what was sent of the model that the address names."""
    return await _patched(session, session.path["model_id"], body)


async def _patched(session: Session, id: str, body: PatchModel) -> StoredAnswer:
    def alter(model: StoredModel) -> StoredModel:
        before, given = _open(session, model), body.litellm_params or {}
        params = _without_nulls({**before, **given})
        moved = any(params.get(name) != before.get(name) for name in ADDRESSES)
        if moved and before.get("api_key") and "api_key" not in given:
            # Else a key that nobody can read could be sent to wherever somebody likes.
            raise DetailedRefusal("With another address, send api_key too.", "litellm_params")
        info = _without_nulls({**model.info, **(body.model_info or {})})
        info.pop("id", None)
        changed = model.model_copy(
            update={
                "model_name": body.model_name or model.model_name,
                "sealed": _sealed(session, id, params),
                "info": info,
                "blocked": model.blocked if body.blocked is None else body.blocked,
            }
        )
        _check(session, changed, params)
        return changed

    return await _change(session, id, alter)


async def block_model(session: Session, body: OneModel) -> StoredAnswer:
    """Serves a stored model no longer, until it is unblocked."""
    return await _change(session, body.id, lambda one: one.model_copy(update={"blocked": True}))


async def unblock_model(session: Session, body: OneModel) -> StoredAnswer:
    """Serves a stored model again."""
    return await _change(session, body.id, lambda one: one.model_copy(update={"blocked": False}))


async def delete_model(session: Session, body: OneModel) -> Said:
    """Deletes a stored model; those of the configuration's file stay."""
    removed = await session.entities.remove(StoredModel, [body.id], session.actor)
    if not removed:
        raise _missing(session, body.id)
    await session.backing.models.renew(session.entities)
    return Said(message=f"Model: {body.id} deleted successfully")


async def _change(
    session: Session, id: str, alter: Callable[[StoredModel], StoredModel]
) -> StoredAnswer:
    changed = await session.entities.change(StoredModel, id, alter, session.actor)
    if changed is None:
        raise _missing(session, id)
    return await _served(session, changed)


async def _served(session: Session, model: StoredModel) -> StoredAnswer:
    await session.backing.models.renew(session.entities)
    return stored_shown(session, model)


def _check(session: Session, model: StoredModel, params: Mapping[str, Any]) -> None:
    built = session.backing.models.build(model.model_copy(update={"blocked": False}), params)
    if built.problems:
        raise DetailedRefusal("; ".join(built.problems)[:2000], "litellm_params")


def _sealed(session: Session, id: str, params: Mapping[str, Any]) -> str:
    try:
        return session.backing.models.seal(id, params)
    except NoSaltKey as error:
        raise DetailedRefusal(str(error)) from None


def _open(session: Session, model: StoredModel) -> dict[str, Any]:
    try:
        return session.backing.models.open(model)
    except (CannotOpen, NoSaltKey) as error:
        raise DetailedRefusal(f"The model {model.id} cannot be read: {error}") from None


def _id(value: object) -> str | None:
    if value is None or value == "":
        return None
    try:
        return Named.model_validate({"id": value}).id
    except ValueError:
        raise DetailedRefusal(
            "model_info.id must be a text of 1 to 256 characters.", "model_info.id"
        ) from None


def _without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _missing(session: Session, id: str) -> DetailedNotFound | DetailedRefusal:
    if any(one.id == id for one in session.settings.routes.written):
        return DetailedRefusal(
            f"Model id={id} stands in the configuration's file; change it there."
        )
    return DetailedNotFound(f"Model with id={id} not found in db")


MODEL_ENDPOINTS: tuple[Endpoint, ...] = (
    posting("/model/new", new_model, NewModel, StoredAnswer),
    posting("/model/update", update_model, PatchModel, StoredAnswer),
    Endpoint(
        method="PATCH",
        path="/model/{model_id}/update",
        handler=patch_model,
        body=PatchModel,
        answer=StoredAnswer,
    ),
    posting("/model/delete", delete_model, OneModel, Said),
    posting("/model/block", block_model, OneModel, StoredAnswer),
    posting("/model/unblock", unblock_model, OneModel, StoredAnswer),
)
