"""A prompt becomes a completions body."""

from __future__ import annotations

from pipelines.dialects.losses import Losses
from pipelines.dialects.openai_completions.parse import parse
from pipelines.dialects.openai_completions.render import render
from tests.builders import a_deployment


def test_a_prompt_is_one_text_again() -> None:
    body = render(parse({"model": "m", "prompt": "a"}), a_deployment(), Losses("Acme"))
    assert body == {"model": "gpt", "prompt": "a"}
