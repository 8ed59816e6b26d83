"""Moderations pass as they are, and need no model."""

from __future__ import annotations

import orjson
import pytest

from pipelines.dialects.openai_dialects import OPENAI_MODERATIONS
from pipelines.errors import UpstreamFailed
from pipelines.operations import MODERATIONS
from tests.builders import a_call, a_deployment
from tests.fakes.recordings import Recording, needs_fixtures, recordings

RECORDED = [one for one in recordings() if one.endpoint == "moderations" and one.status == 200]


def test_a_body_without_a_model_asks_for_openais_default() -> None:
    call = a_call(b'{"input":"a"}', MODERATIONS)
    assert call.model == "omni-moderation-latest"
    sent = orjson.loads(OPENAI_MODERATIONS.forward(call, a_deployment(model="m")))
    assert sent == {"input": "a", "model": "m"}


def test_a_model_that_is_named_is_the_one_that_is_asked() -> None:
    call = a_call(b'{"model":"m","input":"a"}', MODERATIONS)
    assert call.model == "m"
    assert OPENAI_MODERATIONS.forward(call, a_deployment(model="m")) is call.raw


def test_what_holds_no_results_is_the_providers_failure() -> None:
    gauge = OPENAI_MODERATIONS.gauge(a_call(b'{"input":"a"}', MODERATIONS), a_deployment())
    with pytest.raises(UpstreamFailed):
        gauge.watch(b"{}")


@needs_fixtures()
@pytest.mark.parametrize("recording", RECORDED, ids=lambda one: one.name)
def test_a_recorded_moderation_passes_untouched(recording: Recording) -> None:
    call = a_call(orjson.dumps(recording.request), MODERATIONS)
    assert OPENAI_MODERATIONS.forward(call, a_deployment(model=call.model)) is call.raw
    gauge = OPENAI_MODERATIONS.gauge(call, a_deployment())
    assert gauge.watch(recording.whole) + gauge.close() == recording.whole
