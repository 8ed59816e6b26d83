"""What one call may be answered from, and what may become of its own reply.

The rule: decided once, before anything is looked up; a call without a wish is none of the cache's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipelines.cache_controls import Controls, controls_of
from pipelines.cache_embeddings import FIELD, Batch
from pipelines.cache_keys import body_digest, cache_key, form_of, idempotency_name
from pipelines.cache_policy import CachePolicy
from pipelines.errors import BadCall
from pipelines.exchange import Exchange
from pipelines.operations import EMBEDDINGS

IDEMPOTENCY = b"idempotency-key"
RESUMABLE = b"x-headgate-resumable"
LAST_EVENT = b"last-event-id"
LONGEST_KEY = 255

ASKING = frozenset({IDEMPOTENCY, RESUMABLE, LAST_EVENT})

_PLACE = re.compile(r"(stream_[0-9a-f]{32}):([0-9]{1,12})")

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Wish:
    """The `form` that the call wants its reply in. `controls` and `key` are there where the cache
    has a say, `name` where an Idempotency-Key came, and `place` where a stream is to be resumed;
    `digest` is that of the body, where one of the last two may be compared by it. A `batch` is of
    inputs that are known one by one."""

    form: str
    controls: Controls | None = None
    key: str = ""
    name: str = ""
    place: Place | None = None
    resumable: bool = False
    digest: str = ""
    batch: Batch | None = None


def wish_of(exchange: Exchange, policy: CachePolicy, events: bool) -> Wish | None:
    """What this call wishes, or None; `events` says that it could be a stream of server-sent
    events. Raises BadCall."""
    call, principal = exchange.call, exchange.principal
    controls = controls_of(call, principal, policy)
    key = None
    if controls is not None:
        key = cache_key(call, principal, policy, controls.namespace)
    sent = call.header(IDEMPOTENCY)
    name = "" if not sent else idempotency_name(principal, _checked(sent))
    streams = events and call.streaming
    place = place_of(call.header(LAST_EVENT) or "") if streams else None
    resumable = streams and (place is not None or _resumable(call.header(RESUMABLE), policy))
    if key is None and not name and not resumable:
        return None
    return Wish(
        form=form_of(call),
        controls=None if key is None else controls,
        key=key or "",
        name=name,
        place=place,
        resumable=resumable,
        digest=body_digest(call) if name or resumable else "",
        batch=None if key is None or controls is None else _batch(exchange, policy, controls),
    )


def _batch(exchange: Exchange, policy: CachePolicy, controls: Controls) -> Batch | None:
    call = exchange.call
    if call.operation is not EMBEDDINGS or not call.json.get("input"):
        return None
    base = cache_key(call, exchange.principal, policy, controls.namespace, besides=FIELD)
    return None if base is None else Batch(call, base)


def place_of(last: str) -> Place | None:
    """The stream and the number that an event's id says; None where it is not one of ours."""
    found = _PLACE.fullmatch(last.strip())
    return None if found is None else (found[1], int(found[2]))


def _resumable(header: str | None, policy: CachePolicy) -> bool:
    if header is None:
        return policy.resumable
    return header.strip().lower() in ("true", "1")


def _checked(key: str) -> str:
    if len(key) > LONGEST_KEY:
        raise BadCall(f"The header Idempotency-Key has over {LONGEST_KEY} characters.")
    return key
