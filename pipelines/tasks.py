"""Tells OpenWebUI's own small tasks (titles, tags, follow-ups …) from its users' chats.

The rule: a header says it best; without one, only the form of a prompt that OpenWebUI itself
writes counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipelines.call import Call
from pipelines.operations import CHAT, RESPONSES

OTHER = "other"

_START = "### Task:"
_LOOKED_AT = 600
# As OpenWebUI calls them: open_webui/constants.py, TASKS.
_NAMES = frozenset(
    {
        "title_generation",
        "follow_up_generation",
        "tags_generation",
        "emoji_generation",
        "query_generation",
        "image_prompt_generation",
        "autocomplete_generation",
        "function_calling",
        "moa_response_generation",
    }
)
# In this order, by the words of its default prompts.
_WORDS = (
    ("title_generation", re.compile(r"\btitle\b", re.IGNORECASE)),
    ("follow_up_generation", re.compile(r"\bfollow-?up", re.IGNORECASE)),
    ("tags_generation", re.compile(r"\btags\b", re.IGNORECASE)),
    ("query_generation", re.compile(r"\bquer(y|ies)\b", re.IGNORECASE)),
    ("image_prompt_generation", re.compile(r"\bimage\b", re.IGNORECASE)),
    ("autocomplete_generation", re.compile(r"\bautocompletion\b", re.IGNORECASE)),
    ("emoji_generation", re.compile(r"\bemoji\b", re.IGNORECASE)),
)


def task_of(told: str | None, call: Call) -> str | None:
    """The task that a call is for, by its header or by its prompt; None: it is no task."""
    if told is not None:
        name = told.lower()
        # A template that OpenWebUI had nothing for arrives as it was written.
        if not name.startswith("{{"):
            return name if name in _NAMES else OTHER
    if call.operation not in (CHAT, RESPONSES) or call.streaming:
        return None
    prompt = _only_prompt(call.json)
    if prompt is None or not prompt.startswith(_START):
        return None
    head = prompt[:_LOOKED_AT].partition("\n### Guidelines")[0]
    return next((name for name, words in _WORDS if words.search(head)), OTHER)


def _only_prompt(body: Mapping[str, Any]) -> str | None:
    messages = body.get("messages", body.get("input"))
    if not isinstance(messages, list) or len(messages) > 2 or not messages:
        return None
    last = messages[-1]
    content = last.get("content") if isinstance(last, dict) else None
    if isinstance(content, list) and content and isinstance(content[0], dict):
        content = content[0].get("text")
    return content if isinstance(content, str) else None
