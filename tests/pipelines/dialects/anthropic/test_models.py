"""A model's name tells what it can take."""

from __future__ import annotations

import pytest

from pipelines.dialects.anthropic.models import abilities


@pytest.mark.parametrize(
    ("model", "max_tokens", "effort", "sampling"),
    [
        ("claude-3-haiku-20240307", 4096, False, True),
        ("claude-3-5-sonnet-20241022", 8192, False, True),
        ("claude-opus-4-20250514", 32000, False, True),
        ("claude-sonnet-4-5@20250929", 64000, False, True),
        ("claude-haiku-4-5-20251001", 64000, False, True),
        ("anthropic.claude-opus-4-6-v1:0", 64000, True, True),
        ("claude-opus-4.8", 64000, True, False),
        ("claude-next", 64000, True, False),
        ("somebody-else", 4096, False, True),
    ],
)
def test_the_version_decides(model: str, max_tokens: int, effort: bool, sampling: bool) -> None:
    able = abilities(model)
    assert (able.max_tokens, able.effort, able.sampling) == (max_tokens, effort, sampling)
