"""Calls that belong together stay with one deployment.

The rule: it is remembered in this process alone, for a while and for so many; who is remembered is
a wish, never a reason to fail. Names that clients choose are kept as digests.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

import orjson

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.exchange import Exchange
from pipelines.routing.wishes import Wishes

DEFAULT_TTL = 3600.0
MOST = 10_000
# As long as a prompt must be at the least for a provider to keep it: 1,024 tokens, of which one has
# four bytes.
SHORTEST_PREFIX = 4096
_DIGEST = 16
# What stands before the turns in the provider's cache, and the names of the turns themselves.
_HEADS = ("tools", "system", "instructions", "systemInstruction", "system_instruction")
_TURNS = ("messages", "input", "contents")
_INSTRUCTING = frozenset({"system", "developer"})


@dataclass(frozen=True, slots=True)
class Stickiness:
    """What makes calls belong together: the `session` that they name, the `caller`, or the same
    beginning of their `prefix`; `ttl` is in seconds."""

    session: bool = False
    caller: bool = False
    prefix: bool = False
    ttl: float = DEFAULT_TTL

    def __bool__(self) -> bool:
        return self.session or self.caller or self.prefix


class Affinity:
    """Who served those that belong together; the least recently used of `most` are forgotten.
    `now` is in seconds since 1970."""

    def __init__(self, stickiness: Stickiness, most: int = MOST) -> None:
        self._stickiness = stickiness
        self._most = most
        self._served: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._served)

    def pinned(
        self, group: str, exchange: Exchange, wishes: Wishes, now: float
    ) -> Iterator[tuple[str, str]]:
        """The ids of the deployments that should serve this call, the strongest bond first, each
        with what binds it."""
        for bond, key in self._keys(group, exchange, wishes):
            found = self._served.get(key)
            if found is None:
                continue
            if found[1] <= now:
                del self._served[key]
                continue
            yield found[0], bond

    def served(
        self, deployment: Deployment, exchange: Exchange, wishes: Wishes, now: float
    ) -> None:
        """This deployment serves the call now: those that belong to it follow."""
        until = now + self._stickiness.ttl
        for _, key in self._keys(deployment.group, exchange, wishes):
            self._served[key] = (deployment.id, until)
            self._served.move_to_end(key)
        while len(self._served) > self._most:
            self._served.popitem(last=False)

    def _keys(self, group: str, exchange: Exchange, wishes: Wishes) -> Iterator[tuple[str, bytes]]:
        sticky = self._stickiness
        principal = exchange.known_principal
        owner = principal.owner if principal else ""
        if sticky.session and wishes.session:
            yield "session", _digest("session", group, owner, wishes.session)
        if sticky.prefix:
            prefix = prefix_of(exchange.call)
            if prefix is not None:
                yield "cached prompt", _digest("prefix", group, prefix.hex())
        if sticky.caller and owner:
            yield "caller", _digest("caller", group, owner)


def prefix_of(call: Call) -> bytes | None:
    """A digest of the prompt's beginning up to its first question, as far as providers keep it in
    their caches; None where the prompt is too short for them."""
    if len(call.raw) < SHORTEST_PREFIX:
        return None
    body = call.json
    turns = next((body[name] for name in _TURNS if isinstance(body.get(name), list)), None)
    if turns is None:
        return None
    found = blake2b(digest_size=_DIGEST)
    size = 0
    for name in _HEADS:
        if body.get(name):
            head = orjson.dumps(body[name], default=str)
            found.update(head)
            size += len(head)
    asked = False
    for turn in turns:
        raw = orjson.dumps(turn, default=str)
        found.update(raw)
        size += len(raw)
        asked = asked or not (isinstance(turn, dict) and turn.get("role") in _INSTRUCTING)
        if asked and size >= SHORTEST_PREFIX:
            return found.digest()
    return None


def _digest(*parts: str) -> bytes:
    # A byte that no text of UTF-8 has, so that no two lists of parts are the same.
    text = b"\xff".join(part.encode("utf-8", "replace") for part in parts)
    return blake2b(text, digest_size=_DIGEST).digest()
