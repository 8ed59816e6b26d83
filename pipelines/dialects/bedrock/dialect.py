"""Amazon Bedrock's Converse as a dialect.

The rule: only the provider speaks it; a client of the gateway never does.
Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

from typing import Any

from pipelines.deployment import Deployment
from pipelines.dialects import upstream_errors
from pipelines.dialects.bedrock.reader import ConverseReader
from pipelines.dialects.bedrock.render import render
from pipelines.dialects.bridge import Interpreter
from pipelines.dialects.eventstream import EventStreamFrames
from pipelines.dialects.frames import Frames
from pipelines.dialects.losses import Losses
from pipelines.dialects.one_sided import OneSided
from pipelines.errors import UpstreamError
from pipelines.events import Headers, Media
from pipelines.prompt import Prompt


class BedrockConverse(OneSided):
    """Converse and ConverseStream."""

    media = Media.AWS

    def render(self, meaning: Prompt, deployment: Deployment, losses: Losses) -> dict[str, Any]:
        """The body for Converse. Raises Unsupported."""
        return render(meaning, deployment, losses)

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return ConverseReader(provider)

    def frames(self, media: Media) -> Frames:
        """Amazon's event stream."""
        return EventStreamFrames()

    def upstream_error(
        self, status: int, headers: Headers, body: bytes, deployment: Deployment
    ) -> UpstreamError:
        """What an error reply means; 424 says that the model failed, not that the call is wrong,
        and an unknown model is a ValidationException."""
        complaint = upstream_errors.read_complaint(body)
        if status == 400 and "model identifier is invalid" in complaint.message:
            status = 404
        wait = upstream_errors.retry_after(headers)
        status = 502 if status == 424 else status
        return upstream_errors.classify(status, complaint, deployment.provider.title, wait)


BEDROCK_CONVERSE = BedrockConverse("bedrock-converse", "generation")
