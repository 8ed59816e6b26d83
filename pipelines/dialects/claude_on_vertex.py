"""Claude on Vertex AI: Anthropic's Messages below an address of Google's.

The rule: the model stands in the address, the version in the body; all else is Anthropic's, but for
errors, which may be Google's. Providers only.
Source: https://docs.claude.com/en/api/claude-on-vertex-ai
"""

from __future__ import annotations

from typing import Any

import orjson

from pipelines.deployment import Deployment
from pipelines.dialects.anthropic.dialect import ANTHROPIC_MESSAGES
from pipelines.dialects.bridge import Interpreter
from pipelines.dialects.frames import Frames
from pipelines.dialects.gemini import faults
from pipelines.dialects.losses import Losses
from pipelines.dialects.one_sided import OneSided
from pipelines.errors import UpstreamError
from pipelines.events import Headers, Media
from pipelines.prompt import Prompt

VERSION = "vertex-2023-10-16"


class ClaudeOnVertex(OneSided):
    """`:rawPredict` and `:streamRawPredict`."""

    def render(self, meaning: Prompt, deployment: Deployment, losses: Losses) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        body = ANTHROPIC_MESSAGES.render(meaning, deployment, losses)
        body.pop("model", None)
        return {"anthropic_version": VERSION, **body}

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return ANTHROPIC_MESSAGES.interpreter(provider)

    def frames(self, media: Media) -> Frames:
        """Server-sent events."""
        return ANTHROPIC_MESSAGES.frames(media)

    def upstream_error(
        self, status: int, headers: Headers, body: bytes, deployment: Deployment
    ) -> UpstreamError:
        """What a provider's error reply means, in Anthropic's shape or in Google's."""
        if _is_anthropics(body):
            return ANTHROPIC_MESSAGES.upstream_error(status, headers, body, deployment)
        return faults.upstream_error(status, headers, body, deployment.provider.title)


def _is_anthropics(body: bytes) -> bool:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and value.get("type") == "error"


CLAUDE_ON_VERTEX = ClaudeOnVertex("vertex-claude", "generation")
