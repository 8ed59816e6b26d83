"""What becomes of each feature in each dialect: one table, read row by row.

`ok` is carried over without a loss; `error` is refused whatever is allowed; `knob` needs leave to
be dropped, `cut` to be shortened; all else is what `x-headgate-lossy` tells.
"""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.dialects.anthropic.parse import parse as parse_messages
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai_chat.parse import parse as parse_chat
from pipelines.errors import Unsupported
from pipelines.prompt import Prompt
from pipelines.provider import Endpoint, Quirks
from pipelines.registry import DIALECTS
from tests.builders import a_deployment, a_provider

TARGETS = (
    ("openai-chat", "gpt-4.1"),
    ("anthropic-messages", "claude-sonnet-4-5"),
    ("gemini-generate", "gemini-3-flash"),
    ("openai-responses", "gpt-5"),
    ("cohere-chat", "command-a-03-2025"),
    ("bedrock-converse", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("ollama-chat", "qwen3"),
)

PDF = "data:application/pdf;base64,JVBERi0="
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0="}}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": PARAMETERS}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
MARK = {"type": "ephemeral"}
SCHEMA = {"name": "city", "schema": PARAMETERS}


def told(*parts: Any, **fields: Any) -> dict[str, Any]:
    """A chat body of one message of the user's."""
    content = list(parts) or "Hi"
    return {"messages": [{"role": "user", "content": content}], **fields}


def tooled(**fields: Any) -> dict[str, Any]:
    """A chat body with a tool."""
    return told(tools=[TOOL], **fields)


def turns(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A chat body of these messages."""
    return {"messages": list(messages), **fields}


USER = {"role": "user", "content": "Hi"}
SAID = {"role": "assistant", "content": "Hm"}
CUSTOM = {"type": "custom", "custom": {"name": "sh"}}
SIGNED_CALL = {**CALL, "extra_content": {"google": {"thought_signature": "s"}}}
AGAIN = {"role": "tool", "tool_call_id": "call_1", "content": "done"}
MARKED = {"type": "text", "text": "Hi", "cache_control": MARK}
DETAILED = {
    "type": "image_url",
    "image_url": {"url": "data:image/png;base64,iVBO", "detail": "low"},
}
BY_ADDRESS = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}

# What is lost of a chat call: in chat, Messages, Gemini, Responses, Cohere, Converse and Ollama.
CHAT: dict[str, tuple[dict[str, Any], str]] = {
    "a picture": (told(PICTURE), "ok ok ok ok ok ok ok"),
    "a picture by address": (told(BY_ADDRESS), "ok ok ok ok ok error error"),
    "the detail of a picture": (
        told({"type": "text", "text": "x"}, DETAILED),
        "ok dropped:image_detail dropped:image_detail ok ok dropped:image_detail "
        "dropped:image_detail",
    ),
    "sound": (
        told({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}),
        "ok error ok error error error ok",
    ),
    "a PDF": (
        told({"type": "text", "text": "x"}, {"type": "file", "file": {"file_data": PDF}}),
        "ok ok ok ok error ok error",
    ),
    "a file by id": (
        told({"type": "file", "file": {"file_id": "file-1"}}),
        "ok error error ok error error error",
    ),
    "a tool": (tooled(), "ok ok ok ok ok ok ok"),
    "a free choice": (tooled(tool_choice="auto"), "ok ok ok ok ok ok ok"),
    "no choice": (tooled(tool_choice="none"), "ok ok ok ok ok ok ok"),
    "a forced call": (tooled(tool_choice="required"), "ok ok ok ok ok ok error"),
    "a named tool": (
        tooled(tool_choice={"type": "function", "function": {"name": "look"}}),
        "ok ok ok ok emulated:tool_choice ok error",
    ),
    "one call at a time": (
        tooled(parallel_tool_calls=False),
        "ok ok knob ok knob ok knob",
    ),
    "a custom tool": (told(tools=[CUSTOM]), "ok error error ok error error error"),
    "a provider's own tool": (
        told(tools=[{"type": "web_search"}]),
        "ok error error ok error error error",
    ),
    "several choices": (told(n=2), "ok error ok error error error error"),
    "one choice": (told(n=1), "ok ok ok ok ok ok ok"),
    "log probabilities": (told(logprobs=True), "ok knob ok ok ok knob ok"),
    "no log probabilities": (told(logprobs=False), "ok ok ok ok ok ok ok"),
    "the top ones": (told(logprobs=True, top_logprobs=2), "ok knob ok ok knob knob ok"),
    "a seed": (told(seed=7), "ok knob ok knob ok knob ok"),
    "a seed of zero": (told(seed=0), "ok knob ok knob ok knob ok"),
    "a stop": (told(stop="x"), "ok ok ok knob ok ok ok"),
    "six stops": (told(stop=list("abcdef")), "ok ok cut knob cut ok ok"),
    "a blank stop": (told(stop=["\n"]), "ok clamped:stop ok knob ok ok ok"),
    "a penalty": (told(presence_penalty=0.5), "ok knob ok knob ok knob ok"),
    "a penalty of zero": (told(frequency_penalty=0), "ok ok ok ok ok ok ok"),
    "a bias": (told(logit_bias={"1": 2}), "ok knob knob knob knob knob knob"),
    "the least probability": (told(min_p=0.1), "ok knob knob knob knob knob ok"),
    "a high temperature": (
        told(temperature=1.5),
        "ok clamped:temperature ok ok clamped:temperature clamped:temperature ok",
    ),
    "any JSON": (
        told(response_format={"type": "json_object"}),
        "ok emulated:json_object ok ok ok emulated:json_object ok",
    ),
    "a schema": (
        told(response_format={"type": "json_schema", "json_schema": SCHEMA}),
        "ok ok ok ok ok ok ok",
    ),
    "an effort": (told(reasoning_effort="low", max_tokens=9000), "ok ok ok ok ok ok ok"),
    "the usual tier": (told(service_tier="default"), "ok ok ok ok ok ok ok"),
    "another tier": (told(service_tier="scale"), "ok knob knob ok knob knob knob"),
    "verbosity": (told(verbosity="low"), "ok knob knob ok knob knob knob"),
    "a user": (
        told(user="u"),
        "ok ok dropped:user ok dropped:user ok dropped:user",
    ),
    "what a thing is called": (
        turns({"role": "user", "name": "Ann", "content": "Hi"}),
        "ok dropped:name dropped:name dropped:name dropped:name dropped:name dropped:name",
    ),
    "a system in the middle": (
        turns(USER, SAID, {"role": "system", "content": "!"}, USER),
        "ok emulated emulated ok ok emulated ok",
    ),
    "cache markers": (
        told(MARKED),
        "dropped:cache_control ok dropped:cache_control dropped:cache_control "
        "dropped:cache_control ok dropped:cache_control",
    ),
    "a call signed by Gemini": (
        turns(USER, {"role": "assistant", "tool_calls": [SIGNED_CALL]}, AGAIN, tools=[TOOL]),
        "ok dropped:reasoning_signatures ok dropped dropped:reasoning_signatures "
        "dropped:reasoning_signatures dropped:reasoning_signatures",
    ),
    "an answer in sound": (
        turns(USER, {"role": "assistant", "content": "Hm", "audio": {"id": "a"}}, USER),
        "ok dropped:audio dropped:audio dropped:audio dropped:audio dropped:audio dropped:audio",
    ),
    "fields that are empty": (
        turns(USER, {"role": "assistant", "content": "Hm", "audio": None, "annotations": []}, USER),
        "ok ok ok ok ok ok ok",
    ),
    "what is meant for the gateway": (told(num_retries=2, tags=["a"]), "? ok ok ok ok ok ok"),
    "an unknown field": (
        told(frobnicate=1),
        "ok dropped:frobnicate dropped:frobnicate dropped:frobnicate dropped:frobnicate "
        "dropped:frobnicate dropped:frobnicate",
    ),
}  # fmt: skip

ASKED = {
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}],
}
FAILED = {"type": "tool_result", "tool_use_id": "c", "is_error": True, "content": "no"}
SEEN = {
    "type": "tool_result", "tool_use_id": "c",
    "content": [{
        "type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="},
    }],
}  # fmt: skip
TOOLS = [{"name": "f", "input_schema": PARAMETERS}]
BY_ID = {"type": "document", "source": {"type": "file", "file_id": "file_1"}}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
WORDS = {"type": "text", "text": "x"}
BUDGET = {"type": "enabled", "budget_tokens": 2000}

# What is lost of a Messages call.
MESSAGES: dict[str, tuple[dict[str, Any], str]] = {
    "a turn to be continued": (
        turns(USER, {"role": "assistant", "content": "The"}),
        "emulated:prefill ok ok emulated:prefill emulated:prefill ok emulated:prefill",
    ),
    "a failed call": (
        turns(USER, ASKED, {"role": "user", "content": [FAILED]}, tools=TOOLS),
        "emulated:is_error ok ok emulated:is_error emulated:is_error ok emulated:is_error",
    ),
    "a picture as a result": (
        turns(USER, ASKED, {"role": "user", "content": [SEEN]}, tools=TOOLS),
        "emulated ok ok ok error ok emulated",
    ),
    "a file by id": (
        turns({"role": "user", "content": [BY_ID]}),
        "error ok error error error error error",
    ),
    "signed thoughts": (
        turns(USER, {"role": "assistant", "content": [THOUGHT, WORDS]}, USER),
        "dropped:reasoning ok dropped:reasoning dropped:reasoning dropped ok ?",
    ),
    "a budget of thoughts": (
        told(thinking=BUDGET),
        "emulated:thinking_budget ok emulated:thinking_budget emulated:thinking_budget ok ok "
        "emulated:thinking_budget",
    ),
    "a server's tool": (
        told(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
        "error ok error error error error error",
    ),
    "the standard tier": (told(service_tier="standard_only"), "ok ok ok ok ok ok ok"),
    "the least probable": (told(top_k=5), "ok ok ok knob ok ok ok"),
    "metadata of the user": (
        told(metadata={"user_id": "u"}),
        "ok ok dropped:user ok dropped:user ok dropped:user",
    ),
}  # fmt: skip


def rows(table: dict[str, tuple[dict[str, Any], str]]) -> list[Any]:
    """One case for each feature and target."""
    cases = []
    for name, (body, expected) in table.items():
        outcomes = expected.split()
        assert len(outcomes) == len(TARGETS), name
        for (dialect, model), outcome in zip(TARGETS, outcomes, strict=True):
            if outcome != "?":
                cases.append(pytest.param(body, dialect, model, outcome, id=f"{name} - {dialect}"))
    return cases


def rendered(prompt: Prompt, dialect: str, model: str, **allowed: bool) -> list[str]:
    """The losses of the rendering."""
    provider = a_provider(endpoints={"any": Endpoint("/x", dialect)}, quirks=Quirks())
    losses = Losses("Acme", allowed.get("drop_params", False), allowed.get("strict", False))
    DIALECTS[dialect].render(prompt, a_deployment(provider=provider, model=model), losses)
    return losses.told


def check(prompt: Prompt, dialect: str, model: str, outcome: str) -> None:
    """That the outcome is the expected one, and that strict calls have no other losses."""
    if outcome == "ok":
        assert rendered(prompt, dialect, model, strict=True) == []
        return
    with pytest.raises(Unsupported, match="Acme does not support"):
        rendered(prompt, dialect, model, strict=True, drop_params=True)
    if outcome == "error":
        with pytest.raises(Unsupported):
            rendered(prompt, dialect, model, drop_params=True)
    elif outcome in ("knob", "cut"):
        with pytest.raises(Unsupported, match="drop_params"):
            rendered(prompt, dialect, model)
        how = "dropped:" if outcome == "knob" else "clamped:"
        assert rendered(prompt, dialect, model, drop_params=True)[0].startswith(how)
    else:
        found = rendered(prompt, dialect, model)
        assert len(found) == 1
        assert found[0].replace(" ", "_").startswith(outcome)


@pytest.mark.parametrize(("body", "dialect", "model", "outcome"), rows(CHAT))
def test_what_becomes_of_a_chat_call(
    body: dict[str, Any], dialect: str, model: str, outcome: str
) -> None:
    check(parse_chat({"model": "m", **body}), dialect, model, outcome)


@pytest.mark.parametrize(("body", "dialect", "model", "outcome"), rows(MESSAGES))
def test_what_becomes_of_a_messages_call(
    body: dict[str, Any], dialect: str, model: str, outcome: str
) -> None:
    check(parse_messages({"model": "m", "max_tokens": 9000, **body}), dialect, model, outcome)
