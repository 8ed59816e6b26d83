"""Mistral's moderations are read by OpenAI's clients."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.dialects.losses import Losses
from pipelines.dialects.moderations.mistral import MISTRAL_MODERATIONS
from pipelines.dialects.openai_dialects import OPENAI_MODERATIONS
from pipelines.errors import Unsupported
from tests.builders import a_deployment
from tests.pipelines.dialects.moderations.test_openai import PICTURE, answered, judging

REPLY = {
    "id": "m1",
    "model": "mistral-moderation-2411",
    "results": [
        {
            "categories": {"sexual": False, "selfharm": True, "pii": False},
            "category_scores": {"sexual": 0.1, "selfharm": 0.9, "pii": 0.2},
        },
        {"categories": {"sexual": False}, "category_scores": {"sexual": 0.1}},
    ],
}


def sent(given: Any, losses: Losses, **fields: Any) -> dict[str, Any]:
    """What Mistral gets."""
    meaning = OPENAI_MODERATIONS.parse(judging(given, **fields))
    return MISTRAL_MODERATIONS.render(meaning, a_deployment(model="m"), losses)


def test_texts_are_sent_and_what_mistral_lacks_is_told() -> None:
    losses = Losses("Mistral")
    assert sent("a", losses, extra=1) == {"model": "m", "input": ["a"]}
    assert losses.told == ["dropped:extra"]
    with pytest.raises(Unsupported, match="images"):
        sent([PICTURE], Losses("Mistral"))


def test_flags_and_openais_names_are_added() -> None:
    first, second = answered(MISTRAL_MODERATIONS, orjson.dumps(REPLY))["results"]
    assert (first["flagged"], second["flagged"]) == (True, False)
    assert first["categories"] == {
        "self-harm": True, "sexual": False, "selfharm": True, "pii": False,
    }  # fmt: skip
    assert first["category_scores"]["self-harm"] == 0.9
