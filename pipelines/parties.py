"""For whom a call is made, and under which labels, as its client says.

The rule: what a client says of users is read in LiteLLM's order, first match wins; where OpenWebUI
signs what it says, its unsigned words count for nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import unquote

from pipelines.call import Call
from pipelines.errors import Unauthenticated
from pipelines.events import Headers
from pipelines.exchange import Principal
from pipelines.tasks import task_of

SIGNED = b"x-openwebui-user-jwt"
TAGS = b"x-litellm-tags"
TASK_TAG = "task:"
MOST_TAGS = 32
LONGEST = 255
LONGEST_TAG = 100

# Each plain header of OpenWebUI, and the claim of its token that says the same.
_CLAIMS = (
    (b"x-openwebui-user-id", "sub"),
    (b"x-openwebui-user-email", "email"),
    (b"x-openwebui-user-name", "name"),
    (b"x-openwebui-user-role", "role"),
)
_PLAIN = tuple(name for name, _ in _CLAIMS)
_ID, _EMAIL, _NAME, _ROLE = _PLAIN
_CUSTOMERS = (b"x-litellm-customer-id", b"x-litellm-end-user-id")
_DIGEST_LENGTH = 64
# LiteLLM's words, which its clients know.
_NO_USER = "Authentication Error, 'user' param not passed in. 'enforce_user_param'=True"
# Most bodies have none of these, and are not looked at any further.
_NAMING = frozenset({"user", "litellm_metadata", "metadata", "safety_identifier"})
_TAGGING = frozenset({"tags", "metadata", "litellm_metadata"})

Verify = Callable[[str], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Party:
    """For whom a call is made: an end user of the caller's, or a user of the gateway with what is
    known of him; `tags` are the call's labels and `task` what OpenWebUI wants it for."""

    end_user: str | None = None
    user: str | None = None
    email: str | None = None
    name: str | None = None
    role: str | None = None
    groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    task: str | None = None


@dataclass(frozen=True, slots=True)
class PartyRules:
    """Where to look: `headers` name users and end users, in order; `verify` reads OpenWebUI's
    signed token (None: it signs nothing) and raises Unauthenticated.

    `task_header` tells what OpenWebUI wants a call for, `groups_header` the user's groups, and a
    task goes to `task_model` where one is given. Where `requires_user`, a call must name somebody.
    """

    headers: tuple[tuple[bytes, Literal["user", "end_user"]], ...] = ()
    verify: Verify | None = field(default=None, repr=False)
    task_header: bytes = b"x-openwebui-task"
    groups_header: bytes = b"x-openwebui-user-groups"
    task_model: str | None = None
    ends: bool = True
    requires_user: bool = False

    def party(self, call: Call) -> Party | None:
        """For whom this call is made; None where it says nothing. Raises Unauthenticated, also
        where somebody must be named, and BadCall where the body cannot be read."""
        heard = _Heard(call.named, self.verify)
        user, end_user = self._bearers(heard)
        body = call.json
        if end_user is None and self.ends and not _NAMING.isdisjoint(body):
            end_user = _of_body(body)
        if self.requires_user and user is None and end_user is None and _of_body(body) is None:
            raise Unauthenticated(_NO_USER)
        tags: tuple[str, ...] = ()
        if heard.says(TAGS) or not _TAGGING.isdisjoint(body):
            tags = tuple(dict.fromkeys(_tags(heard, body)))[:MOST_TAGS]
        task = task_of(heard.text(self.task_header), call)
        if user is None and end_user is None and not tags and task is None:
            return None
        return self._party(heard, user, Party(end_user, tags=tags, task=task))

    def of_headers(self, headers: Headers) -> Party | None:
        """For whom a request without a body is made. Raises Unauthenticated."""
        heard = _Heard(dict(reversed(headers)), self.verify)
        user, end_user = self._bearers(heard)
        if user is None and end_user is None:
            return None
        return self._party(heard, user, Party(end_user))

    def _party(self, heard: _Heard, user: str | None, found: Party) -> Party:
        if user is None:
            return found
        groups = heard.text(self.groups_header) or ""
        return replace(
            found,
            user=user,
            email=heard.text(_EMAIL),
            name=heard.name(),
            role=heard.text(_ROLE),
            groups=tuple(one.strip() for one in groups.split(",") if one.strip()),
        )

    def _bearers(self, heard: _Heard) -> tuple[str | None, str | None]:
        user = end_user = None
        if self.ends:
            for name in _CUSTOMERS:
                if heard.says(name):
                    end_user = end_user or _short(heard.text(name))
        for name, kind in self.headers:
            if kind == "user":
                user = user or _short(heard.text(name))
            elif self.ends:
                end_user = end_user or _short(heard.text(name))
        if heard.is_signed and not any(name in _PLAIN for name, _ in self.headers):
            user = user or _short(heard.text(_ID))
        return user, end_user


class _Heard:
    """The headers of one request, with OpenWebUI's own taken from its token where it signs."""

    __slots__ = ("_headers", "is_signed")

    def __init__(self, headers: Mapping[bytes, bytes], verify: Verify | None) -> None:
        self._headers = headers
        self.is_signed = False
        if verify is None:
            return
        told = {name: value for name, value in headers.items() if name not in _PLAIN}
        token = told.get(SIGNED)
        if token:
            claims = verify(token.decode("latin-1").strip())
            self.is_signed = True
            for name, claim in _CLAIMS:
                value = claims.get(claim)
                if isinstance(value, str):
                    told[name] = value.encode("utf-8", "replace")
        self._headers = told

    def says(self, name: bytes) -> bool:
        """Whether there is a header of this name."""
        return name in self._headers

    def text(self, name: bytes) -> str | None:
        """The value of a header; None where it is missing or empty."""
        value = self._headers.get(name)
        if not value:
            return None
        try:
            return value.decode("utf-8").strip() or None
        except UnicodeDecodeError:
            return value.decode("latin-1").strip() or None

    def name(self) -> str | None:
        """The user's name, which comes quoted where it is not signed."""
        name = self.text(_NAME)
        return name if name is None or self.is_signed else unquote(name)


def _of_body(body: Mapping[str, Any]) -> str | None:
    for holder, name in (
        (body, "user"),
        (body.get("litellm_metadata"), "user"),
        (body.get("metadata"), "user_id"),
        (body, "safety_identifier"),
    ):
        if isinstance(holder, Mapping):
            value = holder.get(name)
            if isinstance(value, str) and value.strip():
                return _short(value.strip())
            if isinstance(value, int) and not isinstance(value, bool):
                return str(value)
    return None


def _tags(heard: _Heard, body: Mapping[str, Any]) -> Iterator[str]:
    listed = heard.text(TAGS)
    if listed:
        yield from _clean(listed.split(","))
    for holder in (body.get("metadata"), body.get("litellm_metadata"), body):
        if isinstance(holder, Mapping) and isinstance(holder.get("tags"), list):
            yield from _clean(holder["tags"])


def _clean(tags: Iterable[object]) -> Iterator[str]:
    for one in tags:
        tag = one.strip() if isinstance(one, str) else ""
        # Only the gateway itself says what is a task.
        if 0 < len(tag) <= LONGEST_TAG and not tag.startswith(TASK_TAG):
            yield tag


def _short(value: str | None) -> str | None:
    if value is None or len(value) <= LONGEST:
        return value
    # Claude Code's ids can be long; a digest in the place of the rest keeps them apart.
    digest = hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()
    return value[: LONGEST - _DIGEST_LENGTH] + digest


def noted(principal: Principal, party: Party) -> Principal:
    """The caller with the names of those that it calls for, where nobody knows more of them."""
    task = () if party.task is None else (TASK_TAG + party.task,)
    return replace(
        principal,
        user_id=party.user or principal.user_id,
        end_user=party.end_user or principal.end_user,
        tags=(*principal.tags, *party.tags, *task),
        user_email=party.email or principal.user_email,
    )
