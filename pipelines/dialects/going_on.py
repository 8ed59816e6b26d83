"""How a provider is asked to go on with an answer that another one began.

The rule: where a provider documents that it goes on with a last message of the assistant's, it gets
one; everywhere else it is asked to, and to begin with the last words, so that the place is found.
Sources: https://docs.anthropic.com/en/docs/build-with-claude/prompt-engineering/prefill-claudes-response,
https://docs.mistral.ai/api, https://platform.moonshot.ai/docs/guide/use-partial-mode-feature-of-kimi-api,
https://www.alibabacloud.com/help/en/model-studio/partial-mode,
https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html,
https://github.com/ollama/ollama/issues/6778
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pipelines.deployment import Deployment
from pipelines.dialects.anthropic.models import abilities
from pipelines.prompt import Message, Prompt, Text
from pipelines.splice import anchor_of

_INSTRUCTION = (
    "The connection broke off in the middle of your answer above. Begin this message with the last "
    "words of it, exactly as they stand between the two lines of marks, and go on from there, even "
    "in the middle of a word. Write nothing else: no greeting, no remark on the interruption, and "
    "nothing that you have written before.\n<<<<<<\n{anchor}\n>>>>>>"
)
_BYTES_PER_TOKEN = 3
_TOOLS = frozenset({"function", "custom"})
_BARRED = frozenset({"audio", "modalities", "web_search_options"})
# What the last message, and what the body must say beside it.
_MARKS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = MappingProxyType(
    {
        "mistral": ({"prefix": True}, {}),
        "moonshot": ({"partial": True}, {}),
        "dashscope": ({"partial": True}, {}),
        "hosted_vllm": ({}, {"continue_final_message": True, "add_generation_prompt": False}),
    }
)


def fits(meaning: object) -> bool:
    """Whether the answer to such a call can be gone on with."""
    if not isinstance(meaning, Prompt) or meaning.format is not None:
        return False
    if not meaning.messages or meaning.messages[-1].role == "assistant":
        return False
    said = meaning.sampling
    if said.n not in (None, 1) or said.logprobs or said.top_logprobs:
        return False
    return not _BARRED & meaning.rest.keys() and all(one.kind in _TOOLS for one in meaning.tools)


def prefills(prompt: Prompt, deployment: Deployment, dialect: str) -> bool:
    """Whether the provider goes on, to the letter, with a last message of the assistant's."""
    thinks = prompt.reasoning is not None and prompt.reasoning.effort != "none"
    if dialect in ("anthropic-messages", "bedrock-converse"):
        model = deployment.model
        return "claude" in model and abilities(model).prefill and not thinks
    if dialect == "ollama-chat":
        return not thinks
    return dialect == "openai-chat" and deployment.provider.name in _MARKS and not thinks


def ask_to_go_on(prompt: Prompt, words: str, spent: int, prefill: bool) -> None:
    """Add to a prompt what was said of its answer, and the wish for more where `prefill` does not
    say it; `spent` is how many tokens of the answer there are."""
    firm = words.rstrip()
    limit = prompt.sampling.max_tokens
    if firm:
        prompt.messages.append(Message("assistant", [Text(firm)]))
    if firm and not prefill:
        anchor = anchor_of(firm)
        prompt.messages.append(Message("user", [Text(_INSTRUCTION.format(anchor=anchor))]))
        spent -= len(anchor) // _BYTES_PER_TOKEN
    # A budget for thoughts is a part of the limit, and must stay below it.
    if limit is not None and prompt.reasoning is None:
        prompt.sampling.max_tokens = max(1, limit - max(0, spent))


def marked_for(deployment: Deployment, body: dict[str, Any]) -> dict[str, Any]:
    """The body with what this provider wants to be told of a last message of the assistant's."""
    marks = _MARKS.get(deployment.provider.name)
    if marks is None:
        return body
    *before, last = body["messages"]
    return {**body, **marks[1], "messages": [*before, {**last, **marks[0]}]}
