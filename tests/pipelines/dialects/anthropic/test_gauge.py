"""Messages replies pass unchanged, and their usage, errors and end are seen."""

from __future__ import annotations

import pytest

from pipelines.dialects.anthropic.gauge import STOP, MessagesStreamGauge
from pipelines.errors import (
    Overloaded,
    StreamBroken,
    UpstreamFailed,
)
from tests.builders import a_call
from tests.fakes.recordings import Recording, needs_fixtures
from tests.pipelines.dialects.anthropic.given import (
    event,
    given,
    read,
    start,
    summed,
)


@needs_fixtures()
@pytest.mark.parametrize("one", [one for one in given() if one.streamed], ids=lambda one: one.name)
def test_a_recorded_stream_passes_its_gauge_unchanged(one: Recording) -> None:
    gauge = MessagesStreamGauge("Acme", 5)
    got = b"".join(gauge.watch(chunk) for chunk in one.chunks) + gauge.close()
    assert got.rstrip() == one.whole.rstrip()
    if "spliced" not in one.name and "tool-search" not in one.name:
        assert gauge.usage == summed(read(one.whole, True))["usage"]


def test_a_gauge_tells_errors_and_cuts() -> None:
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    with pytest.raises(Overloaded):
        MessagesStreamGauge("Acme", 5).watch(event("ping") + error)
    gauge = MessagesStreamGauge("Acme", 5)
    assert gauge.watch(start() + error) == start()
    assert isinstance(gauge.fault, StreamBroken)
    cut = MessagesStreamGauge("Acme", 5)
    cut.watch(start(input_tokens=9))
    with pytest.raises(StreamBroken):
        cut.close()
    assert cut.usage.prompt_tokens == 9
    assert cut.usage.estimated
    with pytest.raises(UpstreamFailed):
        MessagesStreamGauge("Acme", 5).close()


def test_a_stream_that_is_cut_short_closes_the_open_block_only() -> None:
    block = event("content_block_start", index=2, content_block={"type": "text", "text": ""})
    gauge = MessagesStreamGauge("Acme", 5)
    gauge.watch(start(input_tokens=9) + block)
    gauge.watch(b'event: ping\ndata: {"type": "ping"}\n\n')
    tail = gauge.cut_short(a_call())
    assert tail.startswith(event("content_block_stop", index=2))
    assert b'"stop_reason":"max_tokens"' in tail
    assert b'"input_tokens":9' in tail
    assert tail.endswith(STOP)
    gauge.watch(event("content_block_stop", index=2))
    assert b"content_block_stop" not in gauge.cut_short(a_call())
    gauge.watch(event("message_delta", delta={"stop_reason": "end_turn"}, usage={}))
    assert gauge.cut_short(a_call()) == STOP
    gauge.watch(STOP)
    assert gauge.cut_short(a_call()) == b""
