"""Runs one admin call: who asks, what for, and the answer.

The rule: a route is a row of a table; nothing of a handler runs before the caller is known, his
role and key may call it, and what he sent is as its model says.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipelines.access import check_route
from pipelines.addresses import check_address
from pipelines.errors import GatewayError
from pipelines.exchange import Principal
from pipelines.keys import LITELLM_HEADER, presented_secret, refusal
from proxy.admin.errors import Malformed, NoDatabase, NotAllowed, refused
from proxy.admin.repeats import Repeats
from proxy.admin.roles import ADMIN, reach_of
from proxy.admin.session import Backing, Session
from proxy.http.asgi import Receive, Scope, Send
from proxy.http.body import ClientGone, read_body
from proxy.stores.entities.kinds import Key, now
from proxy.stores.entities.store import Actor, EntityStore

DEEPEST = 32
IDEMPOTENCY = "idempotency-key"
_CHANGED_BY = b"litellm-changed-by"

# A handler gets its session and what was sent: the body where there is one, else the query.
Handler = Callable[[Session, Any], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One route: what it takes (`body` or `query`), what it gives (`answer`, a type, in one of the
    forms of `media`), which roles may call it, and whether it only reads."""

    method: str
    path: str
    handler: Handler
    answer: Any
    roles: frozenset[str] = ADMIN
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    reads: bool = False
    media: tuple[str, ...] = ("application/json",)

    @property
    def only_reads(self) -> bool:
        """Whether it changes nothing."""
        return self.reads or self.method == "GET"


class AdminApp:
    """The ASGI application of one endpoint."""

    __slots__ = ("_clock", "_current", "_endpoint", "_repeats")

    def __init__(
        self,
        endpoint: Endpoint,
        current: Callable[[], Backing],
        clock: Callable[[], datetime] = now,
        repeats: Repeats | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._current = current
        self._clock = clock
        self._repeats = repeats or Repeats(time.monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except ClientGone:
            return
        except GatewayError as error:
            answer = refused(error)
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        backing, endpoint = self._current(), self._endpoint
        principal = await _principal(backing, request)
        if principal.role not in endpoint.roles:
            raise NotAllowed(
                f"Your key may not call {endpoint.path}. Your role={principal.role[:40]}."
            )
        kind: Literal["info", "management"] = "info" if endpoint.only_reads else "management"
        check_route(principal.routes, endpoint.path, kind)
        address = _address(backing, principal, request)
        raw = await read_body(
            request.receive, request.scope["headers"], backing.settings.max_body_bytes
        )
        entities = backing.entities
        if entities is None:
            raise NoDatabase
        given = _given(endpoint, request, raw)
        session = Session(
            principal=principal,
            actor=_actor(principal, request, address),
            reach=await reach_of(principal, entities),
            key=await _own_key(principal, entities),
            entities=entities,
            backing=backing,
            path=_path(request),
            now=self._clock(),
        )

        async def work() -> Response:
            made = await endpoint.handler(session, given)
            return made if isinstance(made, Response) else encoded(made)

        name = request.headers.get(IDEMPOTENCY)
        if endpoint.method != "POST" or not name:
            return await work()
        who = (principal.owner, request.url.path, name)
        return await self._repeats.once(who, hashlib.sha256(raw).digest(), work)


def routes_of(
    endpoints: tuple[Endpoint, ...],
    current: Callable[[], Backing],
    clock: Callable[[], datetime] = now,
) -> list[Route]:
    """The routes of a table, for Starlette; those without a placeholder come first."""
    ordered = sorted(endpoints, key=lambda one: "{" in one.path)
    repeats = Repeats(time.monotonic)
    return [
        Route(one.path, AdminApp(one, current, clock, repeats), methods=[one.method])
        for one in ordered
    ]


def encoded(answer: object, status: int = 200) -> Response:
    """An answer as JSON; models, dates and lists of them included."""
    return Response(to_json(answer, inf_nan_mode="null"), status, media_type="application/json")


async def _principal(backing: Backing, request: Request) -> Principal:
    header = backing.settings.key_header
    secret = presented_secret(
        request.scope["headers"], header.lower().encode() if header else LITELLM_HEADER
    )
    found = await backing.keys.find(secret)
    if found is None:
        raise refusal(secret)
    return found


async def _own_key(principal: Principal, entities: EntityStore) -> Key | None:
    if not principal.key_id:
        return None
    return await entities.get(Key, principal.key_id)


def _address(backing: Backing, principal: Principal, request: Request) -> str:
    addresses = backing.settings.identity.addresses
    peer = request.client.host if request.client else ""
    client = addresses.client(peer, request.scope["headers"])
    if addresses.allowed or principal.networks:
        check_address(client, addresses.allowed, principal.networks)
    return client


def _actor(principal: Principal, request: Request, address: str) -> Actor:
    name = principal.user_id or (f"key:{principal.key_id}" if principal.key_id else principal.alias)
    headers: dict[bytes, bytes] = dict(request.scope["headers"])
    changed_by = headers.get(_CHANGED_BY)
    return Actor(
        name=name,
        address=address,
        changed_by=changed_by.decode("latin-1")[:256] if changed_by else None,
    )


def _path(request: Request) -> Mapping[str, str]:
    found = {name: str(value) for name, value in request.path_params.items()}
    _check(found, "path")
    return found


def _given(endpoint: Endpoint, request: Request, raw: bytes) -> object:
    if endpoint.body is not None:
        return _validated(endpoint.body, _json(raw), "body")
    if endpoint.query is not None:
        pairs = {name: value for name, value in request.query_params.items() if value}
        return _validated(endpoint.query, pairs, "query")
    return None


def _json(raw: bytes) -> object:
    if not raw.strip():
        return {}
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        problem = {"loc": ["body", error.pos], "msg": "JSON decode error", "type": "json_invalid"}
        raise Malformed([problem]) from None


def _validated(model: type[BaseModel], value: object, place: str) -> BaseModel:
    _check(value, place)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Malformed(
            [
                {"loc": [place, *one["loc"]], "msg": one["msg"], "type": one["type"]}
                for one in error.errors(
                    include_url=False, include_context=False, include_input=False
                )
            ]
        ) from None


def _check(value: object, place: str, depth: int = 0) -> None:
    if depth > DEEPEST:
        raise Malformed.at(place, f"nested more than {DEEPEST} levels deep")
    if isinstance(value, str):
        # No PostgreSQL text can hold it.
        if "\0" in value:
            raise Malformed.at(place, "a text holds the character NUL")
    elif isinstance(value, dict):
        for name, one in value.items():
            _check(name, place, depth)
            _check(one, place, depth + 1)
    elif isinstance(value, list):
        for one in value:
            _check(one, place, depth + 1)
