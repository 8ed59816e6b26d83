"""How much a Gemini model is to think.

The rule: the third generation takes a level and the second a budget in tokens, never both; what a
model cannot do is moved to the next that it can, and told.
Source: https://ai.google.dev/gemini-api/docs/thinking
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pipelines.dialects.gemini.names import generation
from pipelines.dialects.losses import Losses
from pipelines.prompt import Reasoning

FIRST_THINKING = 2.5

# As Google's own OpenAI face has them: https://ai.google.dev/gemini-api/docs/openai#thinking
_BUDGETS: Mapping[str, int] = MappingProxyType(
    {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
)
_LEVELS = ((1024, "low"), (8192, "medium"))
_HIGHER = frozenset({"xhigh", "max"})
_PRO_LEAST = 128


def thinking(reasoning: Reasoning, model: str, losses: Losses) -> dict[str, Any]:
    """The `thinkingConfig` for a model, within its place; empty where there is nothing to say."""
    age = generation(model)
    if age < FIRST_THINKING:
        if reasoning.effort != "none":
            losses.knob("reasoning_effort")
        return {}
    pro = "pro" in model
    config = _level(reasoning, pro, losses) if age >= 3 else _budget(reasoning, pro, losses)
    asked = reasoning.effort not in (None, "none") or reasoning.budget is not None
    show = (asked or reasoning.adaptive) if reasoning.show is None else reasoning.show
    if show or reasoning.show is not None:
        config["includeThoughts"] = show
    return {"thinkingConfig": config} if config else {}


def _level(reasoning: Reasoning, pro: bool, losses: Losses) -> dict[str, Any]:
    effort = reasoning.effort
    if effort is None and reasoning.budget is not None:
        losses.emulated("thinking budget")
        limits = (name for limit, name in _LEVELS if (reasoning.budget or 0) <= limit)
        effort = next(limits, "high")
    if effort is None:
        return {}
    level = "high" if effort in _HIGHER else "minimal" if effort == "none" else effort
    if level == "minimal" and pro:
        level = "low"
    if level != effort:
        losses.clamped("reasoning_effort")
    return {"thinkingLevel": level}


def _budget(reasoning: Reasoning, pro: bool, losses: Losses) -> dict[str, Any]:
    budget = reasoning.budget
    if reasoning.effort in _HIGHER:
        losses.clamped("reasoning_effort")
    if budget is None and reasoning.effort is not None:
        budget = _BUDGETS.get(reasoning.effort, _BUDGETS["high"])
    if budget is None:
        return {"thinkingBudget": -1} if reasoning.adaptive else {}
    if pro and budget < _PRO_LEAST:
        losses.clamped("reasoning_effort")
        budget = _PRO_LEAST
    return {"thinkingBudget": budget}
