"""How much a model is to think."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.dialects.gemini.thinking import thinking
from pipelines.dialects.losses import Losses
from pipelines.errors import Unsupported
from pipelines.prompt import Reasoning


@pytest.mark.parametrize(
    ("model", "wish", "config"),
    [
        ("gemini-3-flash", Reasoning("low"), {"thinkingLevel": "low", "includeThoughts": True}),
        ("gemini-3-pro", Reasoning("none"), {"thinkingLevel": "low"}),
        ("gemini-3-pro", Reasoning(budget=900), {"thinkingLevel": "low", "includeThoughts": True}),
        ("gemini-2.5-flash", Reasoning("none"), {"thinkingBudget": 0}),
        ("gemini-2.5-pro", Reasoning("none"), {"thinkingBudget": 128}),
        ("gemini-2.5-pro", Reasoning("high", show=False),
         {"thinkingBudget": 24576, "includeThoughts": False}),
        ("gemini-2.5-pro", Reasoning(adaptive=True),
         {"thinkingBudget": -1, "includeThoughts": True}),
    ],
)  # fmt: skip
def test_a_wish_becomes_a_level_or_a_budget(
    model: str, wish: Reasoning, config: dict[str, Any]
) -> None:
    assert thinking(wish, model, Losses("Google")) == {"thinkingConfig": config}


def test_a_model_that_cannot_think_is_a_loss() -> None:
    with pytest.raises(Unsupported):
        thinking(Reasoning("high"), "gemini-2.0-flash", Losses("Google"))
    assert thinking(Reasoning("none"), "gemini-2.0-flash", Losses("Google")) == {}
