"""The hub into OpenAI's older completions body, for a provider that has nothing newer.

The rule: only a prompt of one user's text can be completed; all else is an error.
Source: https://platform.openai.com/docs/api-reference/completions/create
"""

from __future__ import annotations

from typing import Any

from pipelines.deployment import Deployment
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai_chat.render import render as render_chat
from pipelines.prompt import Prompt, Text


def render(prompt: Prompt, deployment: Deployment, losses: Losses) -> dict[str, Any]:
    """The body for a provider. Raises Unsupported."""
    body = render_chat(prompt, deployment, losses)
    for name in ("tools", "response_format"):
        if name in body:
            raise losses.feature(name)
    for name in ("reasoning_effort", "verbosity", "service_tier"):
        if body.pop(name, None) is not None:
            losses.knob(name)
    body["prompt"] = _text(prompt, losses)
    del body["messages"]
    limit = body.pop("max_completion_tokens", None)
    if limit is not None:
        body["max_tokens"] = limit
    top = body.pop("top_logprobs", None)
    if body.pop("logprobs", None):
        body["logprobs"] = top or 0
    return body


def _text(prompt: Prompt, losses: Losses) -> str:
    parts = prompt.messages[0].parts if len(prompt.messages) == 1 else []
    texts = [part.text for part in parts if isinstance(part, Text)]
    if not parts or len(texts) < len(parts) or prompt.messages[0].role != "user":
        raise losses.feature("conversations")
    return "".join(texts)
