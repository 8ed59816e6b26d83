"""Cohere's chat, version 2, as a dialect.

The rule: only providers speak it; a client of the gateway never does.
Source: https://docs.cohere.com/v2/reference/chat
"""

from __future__ import annotations

from typing import Any

from pipelines.deployment import Deployment
from pipelines.dialects.bridge import Interpreter
from pipelines.dialects.cohere.reader import CohereReader
from pipelines.dialects.cohere.render import render
from pipelines.dialects.losses import Losses
from pipelines.dialects.one_sided import OneSided
from pipelines.events import Media
from pipelines.prompt import Prompt


class CohereChat(OneSided):
    """`/v2/chat`, whole and streamed."""

    media = Media.SSE

    def render(self, meaning: Prompt, deployment: Deployment, losses: Losses) -> dict[str, Any]:
        """The body for Cohere. Raises Unsupported."""
        return render(meaning, deployment, losses)

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return CohereReader(provider)


COHERE_CHAT = CohereChat("cohere-chat", "generation")
