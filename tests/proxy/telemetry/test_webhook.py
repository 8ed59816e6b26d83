"""Records reach an address in LiteLLM's three forms, signed as a whole."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import pytest

from pipelines.errors import Denied, Rejected, UpstreamFailed
from proxy.config.sinks import Hook
from proxy.signing import SIGNATURE, signed
from proxy.telemetry.webhook import Webhook
from tests.fakes.ports import FakeClock
from tests.proxy.telemetry.calls import a_call

URL = "https://logs.example/x"


class Receiver:
    """Remembers what it was sent, and fails as often as it was told to."""

    def __init__(self, *faults: Exception | None) -> None:
        self.sent: list[tuple[bytes, Mapping[str, str]]] = []
        self._faults = list(faults)

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        fault = self._faults.pop(0) if self._faults else None
        if fault is not None:
            raise fault
        assert url == URL
        self.sent.append((body, headers))
        return b""


CALLS = [a_call(id="a"), a_call(id="b")]


async def test_a_batch_is_one_list() -> None:
    receiver = Receiver()
    hook = Webhook(Hook(URL, {"X-A": "1"}), receiver, FakeClock())
    assert await hook(CALLS) == 0
    [(body, headers)] = receiver.sent
    assert [one["id"] for one in orjson.loads(body)] == ["a", "b"]
    assert headers == {"Content-Type": "application/json", "X-A": "1"}


async def test_a_batch_can_be_lines() -> None:
    receiver = Receiver()
    await Webhook(Hook(URL, form="ndjson"), receiver, FakeClock())(CALLS)
    [(body, headers)] = receiver.sent
    assert [orjson.loads(line)["id"] for line in body.split(b"\n")] == ["a", "b"]
    assert headers["Content-Type"] == "application/x-ndjson"


async def test_each_call_can_be_sent_by_itself_and_one_that_is_refused_is_counted() -> None:
    receiver = Receiver(Rejected("no", 400))
    assert await Webhook(Hook(URL, form="single"), receiver, FakeClock())(CALLS) == 1
    [(body, _)] = receiver.sent
    assert orjson.loads(body)["id"] == "b"


@pytest.mark.parametrize("fault", [Denied("no"), UpstreamFailed("no")])
async def test_what_concerns_all_of_them_is_raised(fault: Exception) -> None:
    with pytest.raises(type(fault)):
        await Webhook(Hook(URL, form="single"), Receiver(fault), FakeClock())(CALLS)


async def test_the_whole_body_is_signed() -> None:
    receiver, clock = Receiver(), FakeClock()
    await Webhook(Hook(URL, secret="a secret"), receiver, clock)(CALLS)
    [(body, headers)] = receiver.sent
    assert headers[SIGNATURE] == signed("a secret", body, clock.time())[SIGNATURE]


async def test_a_large_batch_is_whole_and_texts_can_be_left_out() -> None:
    receiver = Receiver()
    calls = [a_call(id=str(number), prompt='"marked"') for number in range(40)]
    await Webhook(Hook(URL, telling=False), receiver, FakeClock())(calls)
    [(body, _)] = receiver.sent
    assert len(orjson.loads(body)) == 40
    assert b"marked" not in body
