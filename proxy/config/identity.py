"""What the operator decided about callers.

The rule: nothing that a client says is believed unless a key of the configuration says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipelines.addresses import Addresses
from proxy.config.services import ServiceSettings

KEPT_PRINCIPALS = 10_000
AUTH_GRACE = 600.0

Kind = Literal["user", "end_user"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """What a user gets whom the gateway did not know; money in nano-dollars."""

    role: Literal["internal_user", "internal_user_viewer"] = "internal_user"
    max_budget: int | None = None
    budget_duration: str | None = None
    models: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySettings:
    """What the operator decided about callers; times in seconds, money in nano-dollars.

    `pepper` is mixed into every digest. `auth_grace` is how long known callers go on without the
    database. `user_headers` are believed in this order. A user's team is taken by his group, else
    by his role, where his key has none. `access_groups` gives the models of each group. Where
    `requires_user`, a call must say for whom it is made.
    """

    pepper: str | None = field(default=None, repr=False)
    auth_grace: float = AUTH_GRACE
    kept: int = KEPT_PRINCIPALS
    user_budget_on_team_keys: bool = False
    addresses: Addresses = field(default_factory=Addresses)
    user_headers: tuple[tuple[bytes, Kind], ...] = ()
    openwebui_secret: str | None = field(default=None, repr=False)
    task_header: bytes | None = None
    task_model: str | None = None
    groups_header: bytes | None = None
    role_teams: Mapping[str, str] = field(default_factory=dict)
    group_teams: Mapping[str, str] = field(default_factory=dict)
    new_user: NewUser = field(default_factory=NewUser)
    end_users: bool = True
    requires_user: bool = False
    end_user_budget: int | None = None
    end_user_budget_id: str | None = None
    access_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    services: ServiceSettings | None = None
