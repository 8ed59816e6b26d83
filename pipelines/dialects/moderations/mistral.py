"""Mistral's moderations, which say neither `flagged` nor OpenAI's names of categories.

The rule: Mistral's own names stay, and where OpenAI has a category of the same meaning it is added.
Source: https://docs.mistral.ai/api/endpoint/classifiers
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pipelines.deployment import Deployment
from pipelines.dialects.bridge import Interpreter
from pipelines.dialects.losses import Losses
from pipelines.dialects.moderations.openai import ModerationReader
from pipelines.dialects.one_sided import OneSided
from pipelines.prompt import Image
from pipelines.verdicts import ModerationCall, Verdict

_ALIKE: Mapping[str, str] = MappingProxyType(
    {
        "hate_and_discrimination": "hate",
        "violence_and_threats": "violence",
        "dangerous_and_criminal_content": "illicit",
        "selfharm": "self-harm",
    }
)


class MistralModerations(OneSided):
    """`/v1/moderations` of Mistral."""

    def render(
        self, meaning: ModerationCall, deployment: Deployment, losses: Losses
    ) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        if any(isinstance(one, Image) for one in meaning.inputs):
            raise losses.feature("images in moderations")
        for name in meaning.rest:
            losses.dropped(name)
        return {"model": deployment.model, "input": meaning.inputs}

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return MistralReader(provider)


class MistralReader(ModerationReader):
    """Reads `results`, with OpenAI's names beside Mistral's."""

    def verdict(self, one: object) -> Verdict:
        """One entry. Raises UpstreamFailed where it names no categories."""
        found = super().verdict(one)
        found.categories, found.scores = _named(found.categories), _named(found.scores)
        return found


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    added = {_ALIKE[name]: value for name, value in values.items() if name in _ALIKE}
    return {**added, **values}


MISTRAL_MODERATIONS = MistralModerations("mistral-moderations", "moderation")
