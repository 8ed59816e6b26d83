"""Claude on Vertex AI is Anthropic's Messages, but for the model, the version and errors."""

from __future__ import annotations

import orjson
import pytest

from pipelines.deltas import TextDelta
from pipelines.dialects.claude_on_vertex import CLAUDE_ON_VERTEX
from pipelines.dialects.losses import Losses
from pipelines.errors import Denied, Overloaded
from pipelines.events import Media
from pipelines.prompt import Message, Prompt, Sampling, Text
from tests.builders import a_deployment


def test_the_model_leaves_the_body_and_the_version_enters_it() -> None:
    prompt = Prompt("m", [Message("user", [Text("Hi")])], "openai", stream=True)
    prompt.sampling = Sampling(max_tokens=5)
    deployment = a_deployment(model="claude-sonnet-4@20250514")
    body = CLAUDE_ON_VERTEX.render(prompt, deployment, Losses("Vertex"))
    assert "model" not in body
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert (body["max_tokens"], body["stream"]) == (5, True)


def test_replies_are_anthropics() -> None:
    value = {
        "id": "msg_vrtx_1", "type": "message", "role": "assistant", "model": "claude",
        "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }  # fmt: skip
    assert TextDelta("Hello") in CLAUDE_ON_VERTEX.interpreter("Vertex").document(value)
    frames = CLAUDE_ON_VERTEX.frames(Media.SSE)
    assert frames.feed(b'event: ping\ndata: {"type":"ping"}\n\n') == [("ping", {"type": "ping"})]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "m"}}, Overloaded),
        (401, {"error": {"code": 401, "message": "m", "status": "UNAUTHENTICATED"}}, Denied),
        (429, [{"error": {"code": 429, "message": "m"}}], Overloaded),
        (503, "no JSON", Overloaded),
    ],
)
def test_errors_are_anthropics_or_googles(status: int, body: object, kind: type) -> None:
    raw = body.encode() if isinstance(body, str) else orjson.dumps(body)
    error = CLAUDE_ON_VERTEX.upstream_error(status, [], raw, a_deployment())
    assert isinstance(error, kind)
