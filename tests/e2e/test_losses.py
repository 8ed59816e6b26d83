"""What a provider cannot express is refused by its name, goes to one that can, or is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.configs import config, entry
from tests.e2e.gateway import Gateway, running
from tests.e2e.plain import ask
from tests.e2e.test_reasoning import Scripted, provider

STRICT = {"x-headgate-strict": "true"}
SOUND = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}


@pytest.fixture(scope="module")
def scripted() -> Iterator[Scripted]:
    """A provider that speaks Messages."""
    with provider() as found:
        yield found


@pytest.fixture(scope="module")
def gateway(scripted: Scripted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Claude alone, with leave to drop, and together with one that can do more."""
    claude = "anthropic/claude-sonnet-4-5"
    models = config(
        entry("claude", claude, scripted.url),
        entry("dropping", claude, scripted.url, drop_params=True),
        entry("either", claude, scripted.url, order=1),
        entry("either", "mock/demo", order=2),
        entry("more", claude, scripted.url),
        entry("other", "mock/demo"),
        router_settings={"num_retries": 0, "fallbacks": [{"more": ["other"]}]},
    )
    with running(tmp_path_factory.mktemp("losses"), models) as found:
        yield found


def heard(model: str, **fields: Any) -> dict[str, Any]:
    """A body with sound in it, which Claude cannot hear."""
    content = [{"type": "text", "text": "Hi there"}, SOUND]
    return {"model": model, "messages": [{"role": "user", "content": content}], **fields}


def said(model: str, **fields: Any) -> dict[str, Any]:
    """A body of words."""
    messages = [{"role": "user", "content": "Hi there"}]
    return {"model": model, "messages": messages, "stream": True, **fields}


def test_a_feature_is_refused_by_its_name_and_the_providers(
    gateway: Gateway, scripted: Scripted
) -> None:
    scripted.asked.clear()
    reply = ask(gateway, body=heard("claude"))
    assert reply.status == 400
    assert reply.error["message"] == "Anthropic does not support audio parts."
    assert "x-headgate-lossy" not in reply.headers
    assert scripted.asked == []


@pytest.mark.parametrize("model", ["either", "more"])
def test_a_feature_goes_to_the_next_deployment_that_can(gateway: Gateway, model: str) -> None:
    reply = ask(gateway, body=heard(model))
    assert reply.status == 200
    assert reply.json["choices"][0]["message"]["content"].startswith("Hello!")


def test_a_knob_needs_leave_to_be_dropped(gateway: Gateway) -> None:
    refused = ask(gateway, body=said("claude", seed=7))
    assert refused.status == 400
    assert "'seed' (drop_params: true" in refused.error["message"]
    reply = ask(gateway, body=said("dropping", seed=7, temperature=1.5))
    assert reply.status == 200
    assert reply.headers["x-headgate-lossy"] == "dropped:seed, clamped:temperature"
    line = gateway.call(reply.headers["x-litellm-call-id"])
    assert line["losses"] == ["dropped:seed", "clamped:temperature"]


def test_strict_makes_every_loss_an_error(gateway: Gateway) -> None:
    body = said("claude", temperature=1.5)
    assert ask(gateway, body=body).headers["x-headgate-lossy"] == "clamped:temperature"
    reply = ask(gateway, body=body, headers=STRICT)
    assert reply.status == 400
    assert reply.error["message"] == (
        "Anthropic does not support temperature without a loss (it would be clamped, which "
        "x-headgate-strict forbids)."
    )
    assert ask(gateway, body=said("dropping", seed=7), headers=STRICT).status == 400
    assert ask(gateway, body=said("claude"), headers=STRICT).status == 200


def test_a_strict_call_goes_to_the_next_deployment_that_loses_nothing(gateway: Gateway) -> None:
    reply = ask(gateway, body=said("either", temperature=1.5), headers=STRICT)
    assert reply.status == 200
    assert "x-headgate-lossy" not in reply.headers
