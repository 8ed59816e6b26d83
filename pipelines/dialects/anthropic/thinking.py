"""How much a model is to think, in the words of its version.

The rule: older models are given a budget of tokens, newer ones an effort; thinking that the rest of
the call forbids is left out and told.
Source: https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pipelines.dialects.anthropic.models import Abilities
from pipelines.dialects.anthropic.parse import FAMILY
from pipelines.dialects.losses import Losses
from pipelines.prompt import Part, Prompt, Reasoning, Thought, ToolCall

LEAST_BUDGET = 1024

# The budgets that LiteLLM gives to an effort.
_BUDGETS: Mapping[str, int] = MappingProxyType(
    {"minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16384}
)


def set_thinking(body: dict[str, Any], prompt: Prompt, able: Abilities, losses: Losses) -> None:
    """Put the wish for thinking into the body. Raises Unsupported where it is a loss too much."""
    wish = prompt.reasoning
    if wish is None:
        return
    if prompt.family == FAMILY:
        _own(body, wish)
    elif wish.effort == "none":
        if able.effort:
            body["thinking"] = {"type": "disabled"}
    elif able.effort and not (wish.budget is not None and able.budget):
        _adaptive(body, wish, able, losses)
    elif able.budget:
        _budget(body, prompt, wish, losses)
    elif wish.effort is None and wish.budget is None:
        # A wish to see thoughts, where there are any.
        losses.dropped("reasoning_summary")
    else:
        losses.knob("reasoning_effort")


def _own(body: dict[str, Any], wish: Reasoning) -> None:
    if wish.effort == "none":
        body["thinking"] = {"type": "disabled"}
        return
    if wish.effort is not None:
        body.setdefault("output_config", {})["effort"] = wish.effort
    if wish.budget is not None:
        body["thinking"] = {"type": "enabled", "budget_tokens": wish.budget}
    elif wish.adaptive:
        body["thinking"] = {"type": "adaptive"}
    if wish.show is not None and "thinking" in body:
        body["thinking"]["display"] = "summarized" if wish.show else "omitted"


def _adaptive(body: dict[str, Any], wish: Reasoning, able: Abilities, losses: Losses) -> None:
    thinking = {"type": "adaptive"}
    if able.display and wish.show is not False:
        # These models keep their thoughts to themselves unless they are asked.
        thinking["display"] = "summarized"
    body["thinking"] = thinking
    effort = wish.effort
    if effort is None and wish.budget is not None:
        effort = next((name for name, size in _BUDGETS.items() if wish.budget <= size), "max")
    if effort == "minimal":
        effort = "low"
    elif effort == "xhigh" and not able.display:
        effort = "high"
        losses.clamped("reasoning_effort")
    if effort is not None:
        body.setdefault("output_config", {})["effort"] = effort


def _budget(body: dict[str, Any], prompt: Prompt, wish: Reasoning, losses: Losses) -> None:
    forced = body.get("tool_choice", {}).get("type") in ("any", "tool")
    if forced or is_thoughtless(prompt):
        losses.dropped("reasoning_effort")
        return
    budget = wish.budget
    if budget is None:
        budget = _BUDGETS.get(wish.effort or "medium", _BUDGETS["medium"])
    budget = max(budget, LEAST_BUDGET)
    if budget >= body["max_tokens"]:
        budget = max(LEAST_BUDGET, body["max_tokens"] // 2)
        if budget >= body["max_tokens"]:
            losses.dropped("reasoning_effort")
            return
        losses.clamped("reasoning_effort")
    body["thinking"] = {"type": "enabled", "budget_tokens": budget}


def is_thoughtless(prompt: Prompt) -> bool:
    """Whether the call is amid a tool loop whose thoughts the client did not keep: 400 there."""
    if not prompt.messages or prompt.messages[-1].role != "tool":
        return False
    for message in reversed(prompt.messages):
        if message.role == "assistant":
            calls = any(isinstance(part, ToolCall) for part in message.parts)
            return calls and not any(_is_signed(part) for part in message.parts)
    return False


def _is_signed(part: Part) -> bool:
    if not isinstance(part, Thought) or part.family != FAMILY:
        return False
    return bool(part.signature or part.data)
