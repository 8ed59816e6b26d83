"""The admin routes over entities and a ledger in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, TypeVar
from urllib.parse import urlencode

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from pipelines.deployment import Deployment
from pipelines.exchange import Principal
from pipelines.ledger import Ledger
from pipelines.parties import PartyRules
from pipelines.providers.load import load_catalog
from pipelines.routing.choice import Chooser
from pipelines.routing.explain import Explainer
from pipelines.routing.filters import View
from pipelines.routing.health import Health
from pipelines.routing.routes import Routes
from pipelines.routing.strategies import Means, SimpleShuffle
from pipelines.routing.traffic import Traffic
from pipelines.routing.tries import Rules
from proxy.admin.frame import Endpoint, routes_of
from proxy.admin.table import ENDPOINTS
from proxy.config.identity import IdentitySettings
from proxy.config.masking import Vault
from proxy.config.settings import Settings
from proxy.http.plain import http_error
from proxy.stores.cache.memory import MemoryReplies
from proxy.stores.cache.opening import Replies
from proxy.stores.entities.kinds import Entity, Key, Membership, Organization, Team, User
from proxy.stores.entities.sealing import Sealer
from proxy.stores.entities.store import EntityStore
from proxy.stores.entities.stored_models import StoredModels, Workshop
from proxy.stores.journal.calls import CallLog
from proxy.stores.keys.digest import digest
from proxy.stores.ledger.memory import MemoryLedger
from tests.fakes.asgi import Client
from tests.fakes.entities import FakeEntities
from tests.fakes.ports import FakeClock, FakeKeys

E = TypeVar("E", bound=Entity)

NOW = datetime(2026, 5, 13, 12, 30, tzinfo=UTC)
MASTER = "sk-master"
PEPPER = "a pepper of the tests"
SALT = "a salt key of the tests"


@dataclass
class Backing:
    """What the routes need of a runtime."""

    settings: Settings
    keys: FakeKeys
    entities: EntityStore | None
    ledger: Ledger
    models: StoredModels
    calls: CallLog | None = None
    replies: Replies = field(default_factory=lambda: MemoryReplies(FakeClock()))
    parties: PartyRules = field(default_factory=PartyRules)
    health: Health = field(default_factory=Health)
    traffic: Traffic = field(default_factory=Traffic)

    @property
    def explainer(self) -> Explainer:
        """Who knows how calls are routed, by this configuration."""
        view = View(self.health, self.traffic)
        rules = Rules(self.settings.routes, self.settings.policy, Random(1))
        chooser = Chooser(view, SimpleShuffle(Means(self.traffic, Random(1))), FakeClock())
        return Explainer(rules, chooser)


@dataclass
class Admin:
    """The routes, their stores, and a client; `now` can be turned."""

    store: FakeEntities = field(default_factory=FakeEntities)
    endpoints: tuple[Endpoint, ...] = ENDPOINTS
    callers: dict[str | None, Principal] = field(default_factory=dict)
    now: datetime = NOW
    deployments: tuple[Deployment, ...] = ()
    identity: IdentitySettings = field(default_factory=lambda: IdentitySettings(pepper=PEPPER))

    def __post_init__(self) -> None:
        self.callers[MASTER] = Principal("master")
        self.ledger = MemoryLedger(FakeClock())
        routes = Routes(self.deployments)
        self.backing = Backing(
            Settings(source="test", routes=routes, identity=self.identity),
            FakeKeys(self.callers),
            self.store,
            self.ledger,
            StoredModels(Sealer(SALT), Workshop(load_catalog(), {}, Vault()), routes),
        )
        self.app = Starlette(
            routes=list(routes_of(self.endpoints, lambda: self.backing, lambda: self.now)),
            exception_handlers={HTTPException: http_error},
        )

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        caller: str = MASTER,
        headers: Mapping[str, str] | None = None,
    ) -> Client:
        """One call by this caller's key; a dict for a GET is its query."""
        raw, query = b"", b""
        if method == "GET":
            query = urlencode(body or {}).encode()
        elif isinstance(body, bytes):
            raw = body
        elif body is not None:
            raw = orjson.dumps(body)
        given = {"authorization": f"Bearer {caller}", **(headers or {})}
        pairs = [(name.encode(), value.encode()) for name, value in given.items()]
        client = Client(self.app, path, raw, method, pairs)
        client.scope["query_string"] = query
        return await client.answer()

    async def done(self, method: str, path: str, body: Any = None, caller: str = MASTER) -> Any:
        """The answer of a call that must succeed."""
        client = await self.call(method, path, body, caller)
        assert client.status == 200, (client.status, client.body)
        return client.json

    def key(self, secret: str, **fields: Any) -> Key:
        """Put a key into the store, whose secret then calls with the rights of its user."""
        fields = {"id": f"id-{secret[3:]}", "name": f"sk-...{secret[-4:]}", **fields}
        key = Key(digest=digest(secret, PEPPER), created_at=NOW, updated_at=NOW, **fields)
        self.put(key)
        user = self.store.rows.get(("user", key.user_id or ""))
        role = user.role if isinstance(user, User) else "team"
        self.callers[secret] = Principal(
            key.alias or key.id,
            key.digest,
            key_id=key.id,
            user_id=key.user_id,
            team_id=key.team_id,
            organization_id=key.organization_id,
            role=role,
        )
        return key

    def user(self, id: str, role: str = "internal_user", **fields: Any) -> User:
        """Put a user into the store."""
        given = {"id": id, "role": role, "created_at": NOW, "updated_at": NOW, **fields}
        return self.put(User.model_validate(given))

    def team(self, id: str, **members: str) -> Team:
        """Put a team with these members (user=role) into the store."""
        for user, role in members.items():
            self.member(id, user, role)
        return self.put(Team(id=id, created_at=NOW, updated_at=NOW))

    def member(self, team: str, user: str, role: str = "user") -> Membership:
        """Put a user into a team."""
        member = Membership(id=f"{team}/{user}", team_id=team, user_id=user).model_copy(
            update={"role": role}
        )
        return self.put(member)

    def organization(self, id: str) -> Organization:
        """Put an organization into the store."""
        return self.put(Organization(id=id, created_at=NOW, updated_at=NOW))

    def put(self, entity: E) -> E:
        """Put any entity into the store."""
        self.store.rows[entity.kind, entity.id] = entity
        return entity


def later(**parts: int) -> datetime:
    """A moment after the harness's own."""
    return NOW + timedelta(**parts)
