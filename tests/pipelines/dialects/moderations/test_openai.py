"""OpenAI's moderations through the hub: nothing that was said is lost."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.call import Call
from pipelines.dialects.base import Dialect
from pipelines.dialects.bridge import Bridge
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai_dialects import OPENAI_MODERATIONS
from pipelines.errors import BadCall, UpstreamFailed
from pipelines.operations import MODERATIONS
from tests.builders import a_call, a_deployment
from tests.fakes.recordings import Recording, needs_fixtures, recordings

RECORDED = [one for one in recordings() if one.endpoint == "moderations" and one.status == 200]
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def judging(given: Any, **fields: Any) -> Call:
    """A client's call."""
    return a_call(orjson.dumps({"model": "omni", "input": given, **fields}), MODERATIONS)


def answered(dialect: Dialect, reply: bytes) -> dict[str, Any]:
    """What the client gets for a provider's reply."""
    writer = OPENAI_MODERATIONS.writer(judging("a"), "1")
    bridge = Bridge("Acme", dialect.interpreter("Acme"), None, writer, 7)
    document: dict[str, Any] = orjson.loads(bridge.watch(reply) + bridge.close())
    return document


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("a", ["a"]),
        (["a", "b"], ["a", "b"]),
        ([{"type": "text", "text": "a"}, PICTURE], [{"type": "text", "text": "a"}, PICTURE]),
    ],
)
def test_what_is_to_be_judged_is_sent_again(given: Any, sent: list[Any]) -> None:
    meaning = OPENAI_MODERATIONS.parse(judging(given, metadata={}))
    body = OPENAI_MODERATIONS.render(meaning, a_deployment(model="m"), Losses("Acme"))
    assert body == {"model": "m", "input": sent, "metadata": {}}


@pytest.mark.parametrize("given", [[], [7], [{"type": "video"}]])
def test_what_cannot_be_judged_is_a_bad_call(given: Any) -> None:
    with pytest.raises(BadCall, match="input"):
        OPENAI_MODERATIONS.parse(judging(given))


@needs_fixtures()
@pytest.mark.parametrize("recording", RECORDED, ids=lambda one: one.name)
def test_a_recorded_reply_is_the_same_after_the_hub(recording: Recording) -> None:
    assert answered(OPENAI_MODERATIONS, recording.whole) == orjson.loads(recording.whole)


@pytest.mark.parametrize("reply", [{}, {"results": [7]}, {"results": [{"flagged": True}]}])
def test_what_is_no_verdict_is_the_providers_failure(reply: dict[str, Any]) -> None:
    with pytest.raises(UpstreamFailed):
        answered(OPENAI_MODERATIONS, orjson.dumps(reply))
