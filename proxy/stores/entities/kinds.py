"""What is kept about callers, one class a kind.

The rule: money is in nano-dollars and times are aware of UTC; a field that is new has a default, so
that rows of an older version still load, and fields of a newer version are kept as they are.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

Role = Literal[
    "proxy_admin",
    "proxy_admin_viewer",
    "org_admin",
    "internal_user",
    "internal_user_viewer",
    "team",
    "customer",
]
# By so many of its former secrets a key is found: whoever rotates faster than the grace ends loses
# the oldest early.
FOUND_FORMER = 8


def now() -> datetime:
    """The moment, in UTC."""
    return datetime.now(UTC)


class Entity(BaseModel):
    """Something kept under an id; `columns` are the fields that lists can be filtered by."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    kind: ClassVar[str]
    columns: ClassVar[tuple[str, ...]] = ()

    id: str
    metadata: dict[str, Any] = Field(default_factory=dict)
    created_at: datetime = Field(default_factory=now)
    created_by: str | None = None
    updated_at: datetime = Field(default_factory=now)
    updated_by: str | None = None


class BudgetLimit(BaseModel):
    """A sum in nano-dollars for a duration such as "30d"."""

    model_config = ConfigDict(frozen=True)

    max_budget: int
    budget_duration: str


class ModelBudget(BaseModel):
    """A sum in nano-dollars (None: none) and rates for one model."""

    model_config = ConfigDict(frozen=True)

    max_budget: int | None = None
    budget_duration: str | None = None
    rpm_limit: int | None = None
    tpm_limit: int | None = None


class Limited(Entity):
    """An entity with limits of its own; `budget_id` names a shared budget that fills the gaps.

    `spend_from` is when its spending was last set anew by an operator.
    """

    max_budget: int | None = None
    soft_budget: int | None = None
    budget_duration: str | None = None
    budget_limits: tuple[BudgetLimit, ...] = ()
    model_max_budget: dict[str, ModelBudget] = Field(default_factory=dict)
    model_rpm_limit: dict[str, int] = Field(default_factory=dict)
    model_tpm_limit: dict[str, int] = Field(default_factory=dict)
    rpm_limit: int | None = None
    tpm_limit: int | None = None
    max_parallel_requests: int | None = None
    budget_id: str | None = None
    temp_budget_increase: int | None = None
    temp_budget_expiry: datetime | None = None


class Former(BaseModel):
    """The digest of a secret that was rotated away and is still good `until` then."""

    model_config = ConfigDict(frozen=True)

    digest: str
    until: datetime


class Rotating(BaseModel):
    """A rotation that was begun: the secret that `nonce` leads to is good and may not have been
    handed out; it is tried again not before `again_at`."""

    model_config = ConfigDict(frozen=True)

    nonce: str
    tries: int
    again_at: datetime


class Key(Limited):
    """A virtual key. `id` stays when the secret is rotated; `digest` is the secret's, and `name`
    shows its last letters. `models` empty: all that its team or user may use."""

    kind = "key"
    columns = (
        "digest",
        "former_digest",
        "alias",
        "user_id",
        "team_id",
        "organization_id",
        "created_by",
        "expires",
    )

    digest: str
    name: str = ""
    alias: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    organization_id: str | None = None
    models: tuple[str, ...] = ()
    aliases: dict[str, str] = Field(default_factory=dict)
    expires: datetime | None = None
    blocked: bool = False
    tags: tuple[str, ...] = ()
    allowed_routes: tuple[str, ...] = ()
    allowed_ips: tuple[str, ...] = ()
    key_type: str | None = None
    permissions: dict[str, Any] = Field(default_factory=dict)
    guardrails: tuple[str, ...] = ()
    access_group_ids: tuple[str, ...] = ()
    former: tuple[Former, ...] = ()
    auto_rotate: bool = False
    rotation_interval: str | None = None
    rotation_count: int = 0
    last_rotation_at: datetime | None = None
    key_rotation_at: datetime | None = None
    rotating: Rotating | None = None
    settings: dict[str, Any] = Field(default_factory=dict)

    @property
    def former_digest(self) -> str | None:
        """The digests of the secrets that were rotated away last, by each of which it is still
        found; the newest first."""
        return "".join(one.digest for one in self.former[: -FOUND_FORMER - 1 : -1]) or None


class User(Limited):
    """Somebody who has keys and signs in; for `role` see LiteLLM's roles."""

    kind = "user"
    columns = ("email", "role", "sso_user_id", "organization_id")

    email: str | None = None
    alias: str | None = None
    role: Role = "internal_user"
    sso_user_id: str | None = None
    organization_id: str | None = None
    models: tuple[str, ...] = ()
    blocked: bool = False
    settings: dict[str, Any] = Field(default_factory=dict)


class Team(Limited):
    """A group of users with models and budgets of its own; `member` are the limits that each of
    its members has who has none of his own."""

    kind = "team"
    columns = ("alias", "organization_id")

    alias: str | None = None
    organization_id: str | None = None
    models: tuple[str, ...] = ()
    model_aliases: dict[str, str] = Field(default_factory=dict)
    blocked: bool = False
    tags: tuple[str, ...] = ()
    member_permissions: tuple[str, ...] = ()
    member_max_budget: int | None = None
    member_budget_duration: str | None = None
    member_rpm_limit: int | None = None
    member_tpm_limit: int | None = None
    settings: dict[str, Any] = Field(default_factory=dict)


class Membership(Limited):
    """A user in a team; `id` is "team/user"."""

    kind = "membership"
    columns = ("team_id", "user_id")

    team_id: str
    user_id: str
    role: Literal["admin", "user"] = "user"
    allowed_models: tuple[str, ...] = ()


class SharedBudget(Limited):
    """Limits that many entities share by name."""

    kind = "budget"
    settings: dict[str, Any] = Field(default_factory=dict)


class Organization(Limited):
    """Teams under one roof."""

    kind = "organization"
    columns = ("alias",)

    alias: str | None = None
    models: tuple[str, ...] = ()
    blocked: bool = False


class OrganizationMember(Entity):
    """A user in an organization; `id` is "organization/user"."""

    kind = "organization_member"
    columns = ("organization_id", "user_id")

    organization_id: str
    user_id: str
    role: Role = "internal_user"


class EndUser(Limited):
    """A customer of the caller, named by him in each call."""

    kind = "end_user"
    columns = ("alias",)

    alias: str | None = None
    blocked: bool = False
    default_model: str | None = None
    allowed_model_region: str | None = None
    models: tuple[str, ...] = ()
    settings: dict[str, Any] = Field(default_factory=dict)


class Tag(Limited):
    """A label on calls that may have a budget; `id` is its name."""

    kind = "tag"

    description: str | None = None
    models: tuple[str, ...] = ()


class AccessGroup(Entity):
    """A name for several models; `id` is that name."""

    kind = "access_group"

    models: tuple[str, ...] = ()


class StoredModel(Entity):
    """A deployment that was added at run time; `sealed` is its parameters, encrypted."""

    kind = "model"
    columns = ("model_name",)

    model_name: str
    sealed: str
    info: dict[str, Any] = Field(default_factory=dict)
    blocked: bool = False


class Audit(BaseModel):
    """Who changed what; `before` and `after` hold no secret."""

    model_config = ConfigDict(frozen=True)

    at: datetime = Field(default_factory=now)
    actor: str
    action: str
    kind: str
    id: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    address: str = ""
    changed_by: str | None = None


KINDS: tuple[type[Entity], ...] = (
    Key,
    User,
    Team,
    Membership,
    SharedBudget,
    Organization,
    OrganizationMember,
    EndUser,
    Tag,
    AccessGroup,
    StoredModel,
)
