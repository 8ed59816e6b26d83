"""The configurations of the gateways under test, as plain data."""

from __future__ import annotations

from typing import Any

from tests.e2e.gateway import KEY

MAX_BODY = 6_000_000


def entry(name: str, model: str, url: str | None = None, **params: Any) -> dict[str, Any]:
    """One deployment; with an address it is a server of somebody else's."""
    served = {"model": model, **params}
    if url is not None:
        served |= {"api_base": url, "api_key": "sk-of-the-provider"}
    return {"model_name": name, "litellm_params": served}


def config(*models: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """A configuration with a master key; `settings` are those of `headgate_settings`, but a mapping
    is a section of its own."""
    sections = {name: value for name, value in settings.items() if isinstance(value, dict)}
    own = {name: value for name, value in settings.items() if name not in sections}
    whole = {"model_list": list(models), "general_settings": {"master_key": KEY}, **sections}
    return {**whole, "headgate_settings": own} if own else whole


def mocks() -> list[dict[str, Any]]:
    """The models that are built in."""
    return [entry("demo", "mock/demo"), entry("mock/*", "mock/*")]


def shared(url: str) -> dict[str, Any]:
    """What most tests need: everything once, and no retry that they did not ask for."""
    return config(
        *mocks(),
        entry("faulty/*", "openai_like/*", url, stream_timeout=30),
        entry("patient", "openai_like/429@tries", url, max_retries=3),
        # A model that fails in one test is asked again in the next.
        router_settings={"num_retries": 0, "disable_cooldowns": True},
        max_body_bytes=MAX_BODY,
    )
