"""By which name a reply is known.

The rule: a name is a digest of everything that can change the answer and of who may share it; parts
are written as JSON, so that no two calls can be mixed up by what they contain.
"""

from __future__ import annotations

import hashlib
from types import MappingProxyType
from typing import Any

import orjson

from pipelines.cache_policy import CachePolicy, CacheScope
from pipelines.call import Call
from pipelines.exchange import Principal
from pipelines.operations import RESPONSES

# Changed whenever the same call would get another name or another kind of value.
VERSION = 1

# What is for the gateway alone and changes no answer.
_OURS = frozenset(
    {
        "cache", "caching", "content_policy_fallbacks", "context_window_fallback_dict",
        "context_window_fallbacks", "disable_fallbacks", "enable_tag_filtering", "fallbacks",
        "litellm_metadata", "mock_testing_fallbacks", "no-log", "num_retries", "priority",
        "stream_timeout", "tags", "timeout",
    }
)  # fmt: skip
_FORM = frozenset({"stream", "stream_options"})
_CALLERS = frozenset(
    {"user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"}
)
_IGNORED = _OURS | _FORM | _CALLERS
# The Responses API tells the caller's own words again in its reply.
_IGNORED_OF_RESPONSES = _OURS | _FORM
_HEADERS = (b"anthropic-beta", b"anthropic-version", b"openai-beta", b"x-headgate-strict")
_GOES_ON = ("previous_response_id", "conversation", "background", "prompt")

_SORTED = orjson.OPT_SORT_KEYS

WHOLE = "whole"
STREAM = "stream"
TOLD_STREAM = "stream+usage"

_PREFIX = MappingProxyType({"key": "key:", "user": "user:", "team": "team:"})


def form_of(call: Call) -> str:
    """The form in which the call wants its reply: whole, a stream, or one that tells the usage."""
    if not call.streaming:
        return WHOLE
    options = call.json.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage") is True:
        return TOLD_STREAM
    return STREAM


def streams(form: str) -> bool:
    """Whether a form is one of the streams."""
    return form != WHOLE


def sharer(principal: Principal, scope: CacheScope) -> str:
    """Who shares the caller's replies; a key without a team shares with its user's other keys."""
    if scope == "all":
        return ""
    if scope == "team":
        if principal.team_id:
            return _PREFIX["team"] + principal.team_id
        if principal.user_id:
            return _PREFIX["user"] + principal.user_id
    return _PREFIX["key"] + principal.owner


def cache_key(
    call: Call,
    principal: Principal,
    policy: CachePolicy,
    namespace: str = "",
    besides: str = "",
) -> str | None:
    """The name of the call's reply, or of what it says besides one field; None where the reply is
    one of a kind: it goes on from others."""
    body, scope = call.json, policy.scope
    ignored = _IGNORED
    if call.operation is RESPONSES:
        told = call.conversation
        if any(body.get(name) for name in _GOES_ON) or (told is not None and told.referred):
            return None
        ignored = _IGNORED_OF_RESPONSES
        if told is not None and told.keeps:
            # Its id is good for the caller alone.
            scope = "key"
    elif "previous_response_id" in body:
        return None
    named = call.named
    said = [
        VERSION, call.operation.name, call.operation.dialect, sharer(principal, scope),
        policy.namespace, namespace, principal.region,
        [named[name].decode("latin-1") if name in named else None for name in _HEADERS],
    ]  # fmt: skip
    rest = {name: one for name, one in body.items() if name not in ignored and name != besides}
    return _digest(said, rest)


def body_digest(call: Call) -> str:
    """What the call says in all, so that two may be told apart; empty where it cannot be told."""
    return _digest([call.operation.name, call.path_model, call.path_streams], call.json) or ""


def idempotency_name(principal: Principal, key: str) -> str:
    """The name of what was answered to this key of the caller's."""
    said = orjson.dumps([VERSION, principal.owner, key])
    return "idempotent:" + hashlib.sha256(said).hexdigest()


def _digest(said: list[Any], body: Any) -> str | None:
    try:
        whole = orjson.dumps(said) + b"\n" + orjson.dumps(body, option=_SORTED)
    except (orjson.JSONEncodeError, TypeError):
        return None
    return hashlib.sha256(whole).hexdigest()
