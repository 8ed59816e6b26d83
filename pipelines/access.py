"""Which models and routes a caller may use.

The rule: every layer above a call (key, team, member, user, organization, end user) must allow the
model; a layer that lists nothing allows everything, and a list that names nothing known allows
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pipelines.errors import Forbidden
from pipelines.operations import OPERATIONS, RERANK

Bearer = Literal["key", "team", "member", "user", "organization", "end_user"]

NOTHING = "no-default-models"
LONGEST_SHOWN = 200

# What leaves the question to the layers above.
_EVERYTHING: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "key": frozenset({"*", "all-proxy-models", "all-team-models", "all-org-models"}),
        "team": frozenset({"*", "all-proxy-models", "all-org-models"}),
        "member": frozenset({"*", "all-proxy-models", "all-team-models"}),
        "user": frozenset({"*", "all-proxy-models", "all-org-models"}),
        "organization": frozenset({"*", "all-proxy-models", "all-org-models"}),
        "end_user": frozenset({"*", "all-proxy-models"}),
    }
)
_DENIED: Mapping[str, str] = MappingProxyType(
    {
        "key": "key_model_access_denied",
        "team": "team_model_access_denied",
        "member": "team_model_access_denied",
        "user": "user_model_access_denied",
        "organization": "org_model_access_denied",
        "end_user": "customer_model_access_denied",
    }
)
_ROUTE_GROUPS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "llm": frozenset({"*", "llm_api_routes"}),
        "info": frozenset({"*", "info_routes", "management_routes"}),
        "management": frozenset({"*", "management_routes"}),
    }
)
_FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "openai_routes": ("openai", RERANK.dialect),
        "anthropic_routes": ("anthropic",),
        "google_routes": ("gemini",),
    }
)
_PATHS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        family: frozenset(one.path for one in OPERATIONS if one.dialect.startswith(dialects))
        for family, dialects in _FAMILIES.items()
    }
)
_KEY_TYPES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "llm_api": ("llm_api_routes",),
        "management": ("management_routes",),
        "read_only": ("info_routes",),
    }
)


@dataclass(frozen=True, slots=True)
class Layer:
    """The models that one bearer may use: exact names, and patterns with one `*` each."""

    bearer: Bearer
    names: frozenset[str] = frozenset()
    patterns: tuple[str, ...] = ()

    def allows(self, model: str) -> bool:
        """Whether this bearer may use the model."""
        if model in self.names:
            return True
        return bool(self.patterns) and any(fits(one, model) for one in self.patterns)


def layer(
    bearer: Bearer, listed: Iterable[str], groups: Mapping[str, Iterable[str]]
) -> Layer | None:
    """The layer of a list of names, wildcards and access groups; None: it allows everything.

    `groups` gives the models of each access group.
    """
    names = set(listed)
    if not names or names & _EVERYTHING[bearer]:
        return None
    names.discard(NOTHING)
    for one in tuple(names):
        names.update(groups.get(one, ()))
    if "*" in names:
        return None
    patterns = tuple(sorted(one for one in names if "*" in one))
    return Layer(bearer, frozenset(names).difference(patterns), patterns)


def fits(pattern: str, name: str) -> bool:
    """Whether a name fits a pattern with one `*` in it."""
    head, star, tail = pattern.partition("*")
    return (
        bool(star)
        and len(name) >= len(head) + len(tail)
        and name.startswith(head)
        and name.endswith(tail)
    )


def model_refused(bearer: Bearer, model: str) -> Forbidden:
    """The error for a model that a bearer may not use, in LiteLLM's words."""
    error = Forbidden(
        f"The requested model {model[:LONGEST_SHOWN]!r} is not available for this API key, or the"
        " model name is invalid. Call `/v1/models` to view available models for your key."
    )
    error.type = _DENIED[bearer]
    return error


def routes_of(key_type: str | None, allowed_routes: Iterable[str]) -> tuple[str, ...]:
    """The routes that a key may call: its own list, else what its type stands for; empty: all."""
    listed = tuple(allowed_routes)
    return listed or _KEY_TYPES.get(key_type or "", ())


def may_call(
    routes: tuple[str, ...], path: str, kind: Literal["llm", "info", "management"]
) -> bool:
    """Whether a list of routes (empty: all) allows a path, which is given without `/v1`."""
    if not routes:
        return True
    groups = _ROUTE_GROUPS[kind]
    return any(
        one in groups
        or one in (path, f"/v1{path}")
        or (kind == "llm" and path in _PATHS.get(one, ()))
        or _below(one, path)
        for one in routes
    )


def check_route(
    routes: tuple[str, ...], path: str, kind: Literal["llm", "info", "management"]
) -> None:
    """Raises Forbidden where the routes do not allow the path."""
    if not may_call(routes, path, kind):
        error = Forbidden(
            "Virtual key is not allowed to call this route. Only allowed to call routes: "
            f"{', '.join(routes)}. Tried to call route: {path}",
            None,
        )
        error.type = "auth_error"
        raise error


def _below(pattern: str, path: str) -> bool:
    return "*" in pattern and (fits(pattern, path) or fits(pattern, f"/v1{path}"))
