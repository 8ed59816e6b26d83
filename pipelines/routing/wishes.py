"""What a call itself says of its routing.

The rule: the body wins over a header, and a header over the operator's settings; a value that makes
no sense is the client's mistake and told to it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipelines.call import Call
from pipelines.errors import BadCall
from pipelines.exchange import Principal

SESSION_HEADERS = (b"x-litellm-session-id", b"x-session-id")
RETRIES_HEADER = b"x-litellm-num-retries"
TIMEOUT_HEADER = b"x-litellm-timeout"
STREAM_TIMEOUT_HEADER = b"x-litellm-stream-timeout"
ANY = "*"
MOST_RETRIES = 10
MOST_FALLBACKS = 20
LONGEST_TIME = 86_400.0

_FIELDS = frozenset(
    {
        "num_retries", "timeout", "stream_timeout", "fallbacks", "context_window_fallbacks",
        "context_window_fallback_dict", "content_policy_fallbacks", "disable_fallbacks",
        "litellm_session_id", "metadata", "litellm_metadata",
    }
)  # fmt: skip
_HEADERS = frozenset((*SESSION_HEADERS, RETRIES_HEADER, TIMEOUT_HEADER, STREAM_TIMEOUT_HEADER))
# What a fallback of the client's may not decide: where it goes, who pays, and the reply's form.
_NOT_ITS_OWN = frozenset(
    {
        "api_key", "api_base", "base_url", "api_version", "custom_llm_provider", "extra_headers",
        "headers", "litellm_credential_name", "stream",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Alternative:
    """A model to try in the place of another, and the fields that its call has other values of."""

    model: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wishes:
    """How one call wants to be routed; times in seconds, None where it says nothing.

    The fallbacks are the models to try instead of the operator's, `tags` choose among deployments
    that have some, and calls of one `session` stay with one deployment.
    """

    num_retries: int | None = None
    timeout: float | None = None
    stream_timeout: float | None = None
    fallbacks: tuple[Alternative, ...] | None = None
    context_window_fallbacks: tuple[Alternative, ...] | None = None
    content_policy_fallbacks: tuple[Alternative, ...] | None = None
    disable_fallbacks: bool = False
    tags: tuple[str, ...] = ()
    session: str = ""


NO_WISHES = Wishes()


def wishes_of(call: Call) -> Wishes:
    """What this call wants. Raises BadCall where it makes no sense."""
    body, named = call.json, call.named
    if _FIELDS.isdisjoint(body) and _HEADERS.isdisjoint(named):
        return NO_WISHES
    model = call.model
    windows = body.get("context_window_fallbacks")
    if windows is None:
        windows = body.get("context_window_fallback_dict")
    return Wishes(
        num_retries=_retries(body, call),
        timeout=_seconds(body, "timeout", call, TIMEOUT_HEADER),
        stream_timeout=_seconds(body, "stream_timeout", call, STREAM_TIMEOUT_HEADER),
        fallbacks=_listed(body.get("fallbacks"), "fallbacks", model),
        context_window_fallbacks=_listed(windows, "context_window_fallbacks", model),
        content_policy_fallbacks=_listed(
            body.get("content_policy_fallbacks"), "content_policy_fallbacks", model
        ),
        disable_fallbacks=_flag(body, "disable_fallbacks"),
        session=_session(body, call),
    )


def resolved(wishes: Wishes, principal: Principal) -> Wishes:
    """The same wishes with the models that their names stand for with this caller. Raises Forbidden
    where it may not use one of them."""
    return replace(
        wishes,
        fallbacks=_named(wishes.fallbacks, principal),
        context_window_fallbacks=_named(wishes.context_window_fallbacks, principal),
        content_policy_fallbacks=_named(wishes.content_policy_fallbacks, principal),
    )


def _named(
    listed: tuple[Alternative, ...] | None, principal: Principal
) -> tuple[Alternative, ...] | None:
    if not listed:
        return listed
    return tuple(replace(one, model=principal.outgoing(one.model)) for one in listed)


def _retries(body: Mapping[str, Any], call: Call) -> int | None:
    value, name = _given(body, "num_retries", call, RETRIES_HEADER)
    if value is None:
        return None
    number = _number(value)
    if number is None or number < 0 or number != int(number):
        raise BadCall(f"{name} must be an integer of at least 0.", "num_retries")
    return min(MOST_RETRIES, int(number))


def _seconds(body: Mapping[str, Any], key: str, call: Call, header: bytes) -> float | None:
    value, name = _given(body, key, call, header)
    if value is None:
        return None
    number = _number(value)
    if number is None or number <= 0:
        raise BadCall(f"{name} must be a number of seconds over 0.", key)
    return min(LONGEST_TIME, number)


def _given(body: Mapping[str, Any], key: str, call: Call, header: bytes) -> tuple[object, str]:
    value = body.get(key)
    if value is not None:
        return value, f"The field {key!r}"
    return call.header(header), f"The header {header.decode()}"


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _flag(body: Mapping[str, Any], key: str) -> bool:
    value = body.get(key)
    if value is None or isinstance(value, bool):
        return value is True
    raise BadCall(f"The field {key!r} must be true or false.", key)


def _session(body: Mapping[str, Any], call: Call) -> str:
    named = call.named
    for header in SESSION_HEADERS:
        if named.get(header):
            return named[header].decode("latin-1")
    for holder, key in (
        (body, "litellm_session_id"),
        (body.get("metadata"), "session_id"),
        (body.get("litellm_metadata"), "session_id"),
    ):
        found = holder.get(key) if isinstance(holder, Mapping) else None
        if isinstance(found, str) and found:
            return found
    return ""


def _listed(value: object, key: str, model: str) -> tuple[Alternative, ...] | None:
    if value is None:
        return None
    items = value if isinstance(value, list) else [value]
    found: list[Alternative] = []
    by_group: dict[str, tuple[Alternative, ...]] = {}
    for item in items:
        if isinstance(item, str) and item:
            found.append(Alternative(item))
        elif isinstance(item, Mapping) and isinstance(item.get("model"), str):
            found.append(_with_fields(item, key))
        elif isinstance(item, Mapping):
            by_group.update(_by_group(item, key))
        else:
            raise _misshapen(key)
    found += by_group.get(model, by_group.get(ANY, ()))
    return tuple(found[:MOST_FALLBACKS])


def _with_fields(item: Mapping[str, Any], key: str) -> Alternative:
    forbidden = sorted(_NOT_ITS_OWN.intersection(item))
    if forbidden:
        raise BadCall(f"A model of {key!r} may not have {forbidden[0]!r}.", key)
    fields = {name: value for name, value in item.items() if name != "model"}
    return Alternative(item["model"], fields)


def _by_group(item: Mapping[str, Any], key: str) -> Iterator[tuple[str, tuple[Alternative, ...]]]:
    for group, names in item.items():
        listed = [names] if isinstance(names, str) else names
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise _misshapen(key)
        yield group, tuple(Alternative(one) for one in listed)


def _misshapen(key: str) -> BadCall:
    return BadCall(
        f"The field {key!r} must be a list of models, as names or as maps with a 'model'.", key
    )
