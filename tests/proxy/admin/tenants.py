"""Two tenants on one gateway, and requests of one of them that name what is the other's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from pipelines.cache_policy import CachePolicy
from pipelines.exchange import Principal
from proxy.admin.frame import Endpoint
from proxy.config.caching import CacheSettings
from proxy.stores.entities.kinds import (
    AccessGroup,
    EndUser,
    Membership,
    Organization,
    OrganizationMember,
    SharedBudget,
    StoredModel,
    Tag,
    Team,
    User,
)
from proxy.stores.keys.digest import digest
from tests.proxy.admin.harness import NOW, PEPPER, Admin

# In every entity of the other tenant: whoever reads it has seen what is not his.
MARK = "mark-of-the-others"
THEIR_SECRET = "sk-their-own-secret"
THEIR_ID = "theirs"
OTHERS = ("user-theirs", "team-theirs", "org-theirs", "budget-theirs", "id-their-own-secret")

# The callers, by the secrets of their keys; each role once, a team's admin and its key besides.
CALLERS: Mapping[str, str] = MappingProxyType(
    {
        "sk-viewer": "proxy_admin_viewer",
        "sk-org-admin": "org_admin",
        "sk-org-head": "internal_user",
        "sk-user": "internal_user",
        "sk-team-admin": "internal_user",
        "sk-user-viewer": "internal_user_viewer",
        "sk-bot": "internal_user",
        "sk-team": "team",
        "sk-customer": "customer",
    }
)

_THEIRS: Mapping[str, Any] = MappingProxyType(
    {
        "key": digest(THEIR_SECRET, PEPPER),
        "keys": [digest(THEIR_SECRET, PEPPER)],
        "key_hash": digest(THEIR_SECRET, PEPPER),
        "key_alias": MARK,
        "key_aliases": [MARK],
        "user_id": "user-theirs",
        "user_ids": ["user-theirs"],
        "user_email": f"{MARK}@example.com",
        "sso_user_ids": MARK,
        "team": "team-theirs",
        "teams": ["team-theirs"],
        "team_id": "team-theirs",
        "team_ids": ["team-theirs"],
        "teamId": "team-theirs",
        "team_alias": MARK,
        "organization_id": "org-theirs",
        "organizations": ["org-theirs"],
        "organization_ids": ["org-theirs"],
        "budget_id": "budget-theirs",
        "budgets": ["budget-theirs"],
        "end_user_id": "customer-theirs",
        "end_user_ids": ["customer-theirs"],
        "name": "tag-theirs",
        "names": ["tag-theirs"],
        "id": THEIR_ID,
        "model_id": THEIR_ID,
        "modelId": THEIR_ID,
        "litellm_model_id": THEIR_ID,
        "search": MARK,
        "member": {"user_id": "user-theirs", "role": "admin"},
        "members": ["user-theirs"],
        "members_with_roles": [{"user_id": "user-theirs", "role": "user"}],
        "include_team_keys": True,
        "include_created_by_keys": True,
        "substring_matching": True,
        "return_full_object": True,
    }
)
_ALWAYS = ("return_full_object", "include_team_keys", "include_created_by_keys")


def two_tenants(*endpoints: Endpoint) -> Admin:
    """The world of the tests: one tenant with callers of each role, and the other's things."""
    admin = Admin(endpoints=endpoints)
    caching = CacheSettings(policy=CachePolicy(enabled=True))
    admin.backing.settings = replace(admin.backing.settings, caching=caching)
    _put_theirs(admin)
    _put_ours(admin)
    return admin


def foreign_requests(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    """Requests that name what is the other's: by every field that can, and by each alone."""
    model = endpoint.body or endpoint.query
    if model is None:
        yield {}
        return
    needed = _needed(model)
    named = {name: _THEIRS[name] for name in model.model_fields if name in _THEIRS}
    always = {name: value for name, value in named.items() if name in _ALWAYS}
    yield {**needed, **named}
    yield {**needed, **always}
    for name, value in named.items():
        yield {**needed, **always, name: value}
        if isinstance(value, list) and name in model.model_fields:
            if all(isinstance(one, str) for one in value):
                yield {**needed, **always, name: ",".join(value)}
            yield {**needed, **always, name: [{**named, "key": _THEIRS["key"]}]}


def foreign_path(path: str) -> str:
    """The path with what is the other's in its places."""
    parts = path.split("/")
    return "/".join(
        str(_THEIRS.get(one[1:-1].partition(":")[0], THEIR_ID)) if one.startswith("{") else one
        for one in parts
    )


def ties(admin: Admin) -> set[tuple[str, str, str]]:
    """Every row that is the other tenant's or speaks of it, as it stands."""
    return {
        (kind, id, row.model_dump_json())
        for (kind, id), row in admin.store.rows.items()
        if MARK in row.model_dump_json() or any(one in row.model_dump_json() for one in OTHERS)
    }


def _needed(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    return {
        name: _THEIRS.get(name, _sample(schema["properties"][name], definitions))
        for name in schema.get("required", ())
    }


def _sample(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    if "$ref" in schema:
        return _sample(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    if "anyOf" in schema:
        return _sample(schema["anyOf"][0], definitions)
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        return {
            name: _THEIRS.get(name, _sample(properties[name], definitions))
            for name in schema.get("required", ())
        }
    if schema.get("type") == "array":
        return [_sample(schema.get("items", {}), definitions)]
    samples = {"integer": 1, "number": 1, "boolean": True}
    return samples.get(str(schema.get("type")), "x")


def _put_theirs(admin: Admin) -> None:
    marked: dict[str, Any] = {"metadata": {"note": MARK}, "created_at": NOW, "updated_at": NOW}
    user, team, organization = "user-theirs", "team-theirs", "org-theirs"
    admin.put(Organization(id=organization, alias=MARK, **marked))
    admin.put(Team(id=team, organization_id=organization, alias=MARK, **marked))
    admin.put(User(id=user, email=f"{MARK}@example.com", alias=MARK, **marked))
    admin.put(Membership(id=f"{team}/{user}", team_id=team, user_id=user, role="admin", **marked))
    admin.put(
        OrganizationMember(
            id=f"{organization}/{user}", organization_id=organization, user_id=user, **marked
        )
    )
    admin.put(SharedBudget(id="budget-theirs", max_budget=7, **marked))
    admin.put(EndUser(id="customer-theirs", alias=MARK, **marked))
    admin.put(EndUser(id=user, alias=MARK, **marked))
    admin.put(Tag(id="tag-theirs", description=MARK, **marked))
    admin.put(AccessGroup(id="group-theirs", models=(MARK,), **marked))
    admin.put(StoredModel(id=THEIR_ID, model_name=MARK, sealed=MARK, **marked))
    admin.key(
        THEIR_SECRET,
        user_id=user,
        team_id=team,
        organization_id=organization,
        alias=MARK,
        metadata={"note": MARK},
    )


def _put_ours(admin: Admin) -> None:
    admin.organization("org-ours")
    admin.put(Team(id="team-ours", organization_id="org-ours", member_permissions=_PERMISSIONS))
    for secret, role in CALLERS.items():
        name = secret[3:]
        if role == "team" or secret == "sk-bot":
            # A key without a user has the role of a user, and nobody's rights.
            admin.key(secret, team_id="team-ours")
            admin.callers[secret] = replace(admin.callers[secret], role=role)
        elif role == "customer":
            admin.callers[secret] = Principal(name, role="customer", end_user=name)
        else:
            admin.user(name, role)
            admin.key(secret, user_id=name)
            admin.member("team-ours", name, "admin" if name == "team-admin" else "user")
            _put_office(admin, name, "org_admin" if name.startswith("org-") else "internal_user")


def _put_office(admin: Admin, user: str, role: str) -> None:
    office = OrganizationMember(
        id=f"org-ours/{user}", organization_id="org-ours", user_id=user
    ).model_copy(update={"role": role})
    admin.put(office)


_PERMISSIONS = ("/key/generate", "/key/update", "/key/delete", "/key/regenerate", "/key/info")
