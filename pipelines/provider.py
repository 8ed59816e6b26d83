"""What a provider is: an address, a way to prove who pays, endpoints, and its oddities.

The rule: a provider is data. Code enters only for a credential's scheme and for a dialect.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol

from pipelines.errors import Unsupported
from pipelines.upstream import UpstreamRequest


class Credential(Protocol):
    """One scheme of proving who pays, bound to one secret that never shows in its repr."""

    async def sign(self, request: UpstreamRequest) -> None:
        """Add what the provider asks for to the finished request, directly before it is sent."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one operation is served: a path below the base address, and what is spoken there.

    `path` and the values of `query` may hold `{model}` and `{api_version}`; a stream has a
    `stream_path` and a `stream_query` of its own where the provider tells it by the address.
    Models that fit a pattern of `models` are served here alone, and all others elsewhere.
    """

    path: str
    dialect: str
    query: Mapping[str, str] = field(default_factory=dict)
    stream_path: str = ""
    stream_query: Mapping[str, str] = field(default_factory=dict)
    models: tuple[str, ...] = ()

    def serves(self, model: str) -> bool:
        """Whether this place is for the model by its name."""
        return any(fnmatchcase(model, pattern) for pattern in self.models)


@dataclass(frozen=True, slots=True)
class CredentialSpec:
    """How a provider wants to be paid: the scheme's name, the variables that usually hold the
    secret, and the header's name where the scheme has one."""

    scheme: str
    env: tuple[str, ...] = ()
    header: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True)
class Quirks:
    """Small deviations from the dialect that the provider speaks.

    `rename` maps field names and `roles` message roles; `drop` lists fields that it refuses;
    `asks_usage` says that it knows `stream_options.include_usage`, `returns_reasoning` that it
    takes its reasoning back as `reasoning_content`.
    """

    rename: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    drop: frozenset[str] = frozenset()
    asks_usage: bool = True
    returns_reasoning: bool = False


@dataclass(frozen=True, slots=True)
class Provider:
    """One row of the catalogue.

    `base_url` may hold `${NAME}`, or `${NAME,OTHER}`, for a part that the operator's environment
    gives; `confirmed` is false where the address rests on one list of addresses alone. `headers`
    go out with every request.
    """

    name: str
    title: str
    docs: str
    base_url: str
    base_env: tuple[str, ...]
    credential: CredentialSpec
    endpoints: Mapping[str, Endpoint]
    quirks: Quirks = field(default_factory=Quirks)
    api_version: str = ""
    models_path: str = ""
    confirmed: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)

    def endpoint(self, dialect: str, kin: Collection[str], model: str = "") -> Endpoint:
        """Where the dialect is spoken for the model, else the first place where one of its kin is.

        Raises Unsupported where the provider has neither.
        """
        kindred: Endpoint | None = None
        for endpoint in self._places(model):
            if endpoint.dialect == dialect:
                return endpoint
            if kindred is None and endpoint.dialect in kin:
                kindred = endpoint
        if kindred is None:
            raise Unsupported(f"{dialect} calls", self.title)
        return kindred

    def speaks(self, dialect: str, model: str) -> bool:
        """Whether the dialect itself is spoken for the model."""
        return any(one.dialect == dialect for one in self._places(model))

    def _places(self, model: str) -> Collection[Endpoint]:
        places = self.endpoints.values()
        if not any(one.models for one in places):
            return places
        own = [one for one in places if one.serves(model)]
        return own or [one for one in places if not one.models]
