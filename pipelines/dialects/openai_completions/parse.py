"""OpenAI's older completions body into the hub: the prompt becomes one message of the user.

The rule: what only a completion model can do (echo, suffix, best_of, several prompts, lists of
tokens) is refused, never left out.
Source: https://platform.openai.com/docs/api-reference/completions/create
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.dialects.openai import GATEWAY_FIELDS
from pipelines.dialects.openai_chat.parse import parse as parse_chat
from pipelines.errors import BadCall, Unsupported
from pipelines.prompt import Message, Prompt, Text

MOST_LOGPROBS = 5

_OWN = frozenset({"prompt", "echo", "suffix", "best_of", "logprobs"})
_CHAT = "A chat model"


def parse(body: Mapping[str, Any]) -> Prompt:
    """What a completions body means. Raises BadCall and Unsupported."""
    text = _text(body["prompt"])
    _refuse(body)
    shared = {
        key: value for key, value in body.items() if key not in _OWN and key not in GATEWAY_FIELDS
    }
    prompt = parse_chat({**shared, "messages": []})
    prompt.messages = [Message("user", [Text(text)])]
    wanted = body.get("logprobs")
    if wanted is not None and wanted is not False:
        if type(wanted) is not int or not 0 <= wanted <= MOST_LOGPROBS:
            raise BadCall("The field 'logprobs' must be an integer from 0 to 5.", "logprobs")
        prompt.sampling.logprobs = True
        prompt.sampling.top_logprobs = wanted or None
    return prompt


def _text(prompt: object) -> str:
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if isinstance(prompt, str):
        return prompt
    if not isinstance(prompt, list) or not prompt:
        raise BadCall("The field 'prompt' must be a string or a list.", "prompt")
    if all(isinstance(one, str) for one in prompt):
        raise Unsupported("several prompts in one call", _CHAT)
    raise Unsupported("prompts that are lists of tokens", _CHAT)


def _refuse(body: Mapping[str, Any]) -> None:
    if body.get("echo"):
        raise Unsupported("echo", _CHAT)
    if body.get("suffix"):
        raise Unsupported("suffix", _CHAT)
    if (body.get("best_of") or 1) > (body.get("n") or 1):
        raise Unsupported("best_of", _CHAT)
