"""What OpenAI's dialects have in common: errors, usage, and a body that is passed on.

The rule: a body that needs no change goes out byte for byte as it came in; one that needs only
another model name is spliced; only what needs more is written anew.
Source of the fields: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import orjson

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.errors import BadCall, GatewayError, OverBudget, RateLimited
from pipelines.money import nano_up
from pipelines.usage import Usage

Details = Mapping[str, object]

DONE = b"data: [DONE]\n\n"
LONGEST_TIER = 32
TICKS_PER_NANO = 10

# What a client says to the cache, in any dialect.
CACHE_FIELDS = frozenset({"cache", "caching"})

# Fields that LiteLLM's clients send to the gateway itself; a provider would refuse them.
GATEWAY_FIELDS = frozenset(
    {
        "cache", "caching", "content_policy_fallbacks", "context_window_fallback_dict",
        "context_window_fallbacks", "disable_fallbacks", "drop_params", "fallbacks", "guardrails",
        "litellm_metadata", "mock_response", "mock_testing_fallbacks", "no-log", "num_retries",
        "priority", "prompt_id", "prompt_variables", "stream_timeout", "tags", "timeout",
        "additional_drop_params", "allowed_openai_params", "enable_tag_filtering",
        "allowed_model_region",
    }
)  # fmt: skip

# Some providers read names without regard to case, and of two the last one.
_KEPT_HERE = (
    GATEWAY_FIELDS | {"".join(letters) for letters in product(*zip("model", "MODEL", strict=True))}
) - {"model"}

_MODEL = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')
_COUNTS = frozenset({"prompt_tokens", "completion_tokens"})
_ASK_USAGE = b'{"stream_options":{"include_usage":true},'


def wants_usage(call: Call) -> bool:
    """Whether the client asked for the usage of a stream."""
    options = call.json.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def forwarded(call: Call, deployment: Deployment, ask_usage: bool) -> bytes:
    """The body for a provider of the same dialect; `ask_usage` adds the wish for usage on a stream.

    Raises BadCall where the body cannot be written anew (it nests too deep for that).
    """
    body = call.json
    # The Responses API keeps what it is given unless it is told not to.
    keeps = body.get("store", call.operation.dialect == "openai-responses")
    changed = _changed(body, deployment, ask_usage, bool(keeps))
    if changed is None:
        raw = with_model(call, deployment.model)
        if raw is not None:
            return _ASK_USAGE + raw[raw.index(b"{") + 1 :] if ask_usage else raw
        changed = dict(body)
    changed["model"] = deployment.model
    if ask_usage:
        changed["stream_options"] = {**_options(body), "include_usage": True}
    try:
        return orjson.dumps(changed)
    except (orjson.JSONEncodeError, TypeError) as error:
        raise BadCall(f"The body cannot be passed on: {error}.") from None


def _options(body: Mapping[str, Any]) -> Mapping[str, Any]:
    options = body.get("stream_options") or {}
    if not isinstance(options, dict):
        raise BadCall("The field 'stream_options' must be an object.", "stream_options")
    return options


def _changed(
    body: Mapping[str, Any], deployment: Deployment, ask_usage: bool, keeps: bool
) -> dict[str, Any] | None:
    quirks, defaults = deployment.provider.quirks, deployment.defaults
    rename = quirks.rename and {old: new for old, new in quirks.rename.items() if old in body}
    missing = defaults and {key: value for key, value in defaults.items() if key not in body}
    roles = quirks.roles and _has_role(body.get("messages"), quirks.roles)
    ours = not _KEPT_HERE.isdisjoint(body) or ("metadata" in body and not keeps)
    options = ask_usage and "stream_options" in body
    if not (rename or missing or roles or ours or options or quirks.drop.intersection(body)):
        return None
    changed = {
        rename.get(key, key): value
        for key, value in body.items()
        if key not in _KEPT_HERE and key not in quirks.drop
    }
    if not keeps:
        changed.pop("metadata", None)
    if roles:
        changed["messages"] = [_role_renamed(item, quirks.roles) for item in body["messages"]]
    for key, value in missing.items():
        changed.setdefault(quirks.rename.get(key, key), value)
    return changed


def _has_role(messages: object, roles: Mapping[str, str]) -> bool:
    return isinstance(messages, list) and any(
        isinstance(item, dict) and _role(item) in roles for item in messages
    )


def _role(message: Mapping[str, Any]) -> str:
    role = message.get("role")
    return role if isinstance(role, str) else ""


def _role_renamed(message: object, roles: Mapping[str, str]) -> object:
    if isinstance(message, dict) and _role(message) in roles:
        return {**message, "role": roles[message["role"]]}
    return message


def with_model(call: Call, wanted: str) -> bytes | None:
    """The raw body with the model's name replaced, or None where that cannot be done safely.

    A second "model" or an escaped key could make a provider read another model than was checked;
    and where the path names the model, the body's one may stand anywhere.
    """
    raw, model = call.raw, call.model
    if raw.count(b'"model"') != 1 or b"\\u00" in raw:
        return None
    if call.path_model is not None and orjson.loads(raw).get("model") != model:
        return None
    found = _MODEL.search(raw)
    if found is None or orjson.loads(found[1]) != model:
        return None
    if model == wanted:
        return raw
    return raw[: found.start(1)] + orjson.dumps(wanted) + raw[found.end(1) :]


def read_usage(value: object) -> Usage | None:
    """OpenAI's usage object, tolerantly: what is no count is zero; None where it counts nothing."""
    if not isinstance(value, dict) or _COUNTS.isdisjoint(value):
        return None
    prompt, completion = _details(value, "prompt"), _details(value, "completion")
    heard, spoken = _count(value.get("prompt_tokens")), _count(value.get("completion_tokens"))
    beyond = _count(value.get("total_tokens")) - heard - spoken
    if beyond > 0:
        heard, spoken = _completed(beyond, heard, spoken, prompt, completion)
    if not prompt and not completion:
        return Usage(heard, spoken, reported_cost=reported_cost(value))
    return Usage(
        prompt_tokens=heard,
        completion_tokens=spoken,
        cached_tokens=min(heard, _count(prompt.get("cached_tokens"))),
        cache_write_tokens=_count(prompt.get("cache_write_tokens")),
        reasoning_tokens=_count(completion.get("reasoning_tokens")),
        audio_input_tokens=_count(prompt.get("audio_tokens")),
        audio_output_tokens=_count(completion.get("audio_tokens")),
        image_input_tokens=_count(prompt.get("image_tokens")),
        image_output_tokens=_count(completion.get("image_tokens")),
        reported_cost=reported_cost(value),
    )


def usage_of(reply: Mapping[str, Any]) -> Usage | None:
    """The usage in a reply, with the service tier that it names; None where it has none."""
    usage, tier = read_usage(reply.get("usage")), reply.get("service_tier")
    if usage is None or not isinstance(tier, str):
        return usage
    return replace(usage, service_tier=tier[:LONGEST_TIER])


def reported_cost(usage: Mapping[str, Any]) -> int | None:
    """What a usage object says that the call costs, in nano-dollars: OpenRouter's `cost`,
    Perplexity's `cost.total_cost`, xAI's `cost_in_usd_ticks`; None where it says nothing."""
    ticks, cost = usage.get("cost_in_usd_ticks"), usage.get("cost")
    if type(ticks) is int and ticks >= 0:
        return -(-ticks // TICKS_PER_NANO)
    if cost is None:
        return None
    if isinstance(cost, dict):
        return nano_up(cost.get("total_cost"))
    told, details = nano_up(cost), usage.get("cost_details")
    if told is not None and usage.get("is_byok") is True and isinstance(details, dict):
        # With a key of one's own, `cost` is OpenRouter's fee alone.
        return told + (nano_up(details.get("upstream_inference_cost")) or 0)
    return told


def _completed(
    beyond: int, heard: int, spoken: int, prompt: Details, completion: Details
) -> tuple[int, int]:
    """The tokens heard and spoken, where the total is more than both.

    xAI counts reasoning beside the completion, as Gemini's OpenAI face does without saying so, and
    Mistral counts audio beside the prompt: https://docs.x.ai/docs/guides/reasoning
    """
    if _count(prompt.get("audio_tokens")) == beyond:
        return heard + beyond, spoken
    if _count(completion.get("reasoning_tokens")) == beyond or not (prompt or completion):
        return heard, spoken + beyond
    return heard, spoken


def _details(value: Mapping[str, Any], of: str) -> Details:
    details = value.get(f"{of}_tokens_details")
    return details if isinstance(details, dict) else {}


def _count(value: object) -> int:
    return max(0, value) if type(value) is int else 0


def error_object(error: GatewayError) -> dict[str, Any]:
    """The `error` object of OpenAI's shape; `code` is a word, else the status, always a string."""
    return {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code or str(error.status),
    }


def error_body(error: GatewayError) -> bytes:
    """The body of an error reply."""
    body: dict[str, Any] = {"error": error_object(error)}
    if isinstance(error, OverBudget | RateLimited):
        # Without it OpenWebUI tells the person at the chat no more than "Bad Request".
        body["detail"] = error.message
    return orjson.dumps(body)


def error_events(error: GatewayError) -> bytes:
    """What ends a stream that failed: an error event without `choices`, then the end mark.

    With `choices` OpenWebUI drops the error, without the end mark it loses the partial text.
    """
    return b"data: " + error_body(error) + b"\n\n" + DONE
