"""A second deployment serves where the first is slow to begin, and a copy of a call reaches the
model that is named for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.configs import config, entry
from tests.e2e.gateway import Gateway, running, soon
from tests.e2e.plain import ask, chat, text_of
from tests.e2e.process import descriptors
from tests.e2e.provider import Provider

WORDS = "t0 t1 t2 t3 t4 "
SLOW, QUICK = {"weight": 1}, {"weight": 0}
# Fewer than the retries that a quiet gateway may spend at once.
CALLS = 7
SPARE = 6


@pytest.fixture(scope="module")
def gateway(provider: Provider, folder: Path) -> Iterator[Gateway]:
    """A gateway whose model `race` begins with a provider that says nothing for minutes."""
    url = provider.url
    price = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.001}
    models = [
        entry("race", "openai_like/nofirst@race", url, hedge=True, **SLOW, **price),
        entry("race", "openai_like/ok@race", url, hedge=True, **QUICK, **price),
        entry("copied", "openai_like/ok@copied", url, silent_model="shadow"),
        entry("shadow", "openai_like/ok@shadow", url),
        entry("plain", "openai_like/ok@plain", url, silent_model="dead"),
        entry("dead", "openai_like/500@dead", url, max_retries=0),
    ]
    with running(folder, config(*models, hedge_after=0.1)) as found:
        yield found


def test_the_second_one_answers_and_the_first_is_left(gateway: Gateway, provider: Provider) -> None:
    answer = ask(gateway, body=chat("race"), headers={"x-litellm-call-id": "race-1"})
    assert text_of(answer.events) == WORDS
    assert answer.headers["x-litellm-attempted-retries"] == "0"
    assert provider.left("nofirst@race").model == "nofirst@race"
    line = gateway.call("race-1")
    assert (line["outcome"], line["attempts"]) == ("ok", 2)
    # What the provider that was left is likely to ask for its prompt is in the sum.
    assert line["cost_usd"] > 0.021


def test_nothing_is_left_of_many_races(gateway: Gateway) -> None:
    def held() -> int:
        return descriptors(gateway) or 0

    ask(gateway, body=chat("race"))
    before = held()
    for number in range(CALLS):
        answer = ask(gateway, body=chat("race"), headers={"x-litellm-call-id": f"many-{number}"})
        assert text_of(answer.events) == WORDS
    assert soon(lambda: held() <= before + SPARE)
    tried = {gateway.call(f"many-{number}")["attempts"] for number in range(CALLS)}
    assert tried == {2}


@pytest.mark.parametrize("stream", [True, False])
def test_a_call_is_copied(gateway: Gateway, provider: Provider, stream: bool) -> None:
    before = sum(one.model == "ok@shadow" for one in provider.upstream.requests)
    ident = f"copied-{stream}"
    answer = ask(gateway, body=chat("copied", stream=stream), headers={"x-litellm-call-id": ident})
    assert answer.status == 200
    provider.asked("ok@shadow", before + 1)
    copy = gateway.call(f"{ident}-mirror")
    assert (copy["outcome"], copy["key"], copy["model"]) == ("ok", "mirror", "shadow")


def test_a_copy_that_fails_does_no_harm(gateway: Gateway) -> None:
    answer = ask(gateway, body=chat("plain"), headers={"x-litellm-call-id": "plain-1"})
    assert text_of(answer.events) == WORDS
    assert gateway.call("plain-1-mirror")["outcome"] == "failed"


def test_a_recorded_call_is_hedged_too_and_its_record_waits_for_both(
    provider: Provider, tmp_path: Path
) -> None:
    price = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.001}
    models = [
        entry("kept", "openai_like/nofirst@kept", provider.url, hedge=True, **SLOW, **price),
        entry("kept", "openai_like/ok@kept", provider.url, hedge=True, **QUICK, **price),
    ]
    whole = config(*models, hedge_after=0.1, litellm_settings={"cache": True})
    with running(tmp_path, whole) as gateway:
        for number, state in enumerate(("miss", "hit")):
            ident = {"x-litellm-call-id": f"kept-{number}"}
            answer = ask(gateway, body=chat("kept"), headers=ident)
            assert text_of(answer.events) == WORDS
            assert answer.headers["x-headgate-cache"] == state
        line = gateway.call("kept-0")
        assert (line["outcome"], line["attempts"]) == ("ok", 2)
        assert line["cost_usd"] > 0.021
