"""A gateway without a file."""

from __future__ import annotations

import pytest

from pipelines.providers.load import load_catalog
from proxy.config.load import ConfigError
from proxy.config.zero import examine_zero, zero
from tests.proxy.config.builders import ENV


def names(env: dict[str, str], ollama_up: bool = False) -> list[str]:
    return [one.group for one in zero(env, load_catalog(), ollama_up).routes.deployments]


def test_without_any_key_the_mock_provider_is_there() -> None:
    settings = zero({}, load_catalog())
    assert settings.routes.names == ("demo",)
    (demo,) = settings.routes.find("demo")
    (late,) = settings.routes.find("mock/late")
    assert (demo.provider.name, demo.model, late.model) == ("mock", "demo", "late")
    assert settings.problems == ()
    assert settings.source == "zero configuration"


def test_every_provider_with_a_key_is_there() -> None:
    assert names({**ENV, "GROQ_API_KEY": "x"}) == ["demo", "mock/*", "openai/*", "groq/*"]


def test_ollama_is_there_where_it_runs() -> None:
    assert names({}, ollama_up=True) == ["demo", "mock/*", "ollama/*"]
    assert names({"OLLAMA_API_BASE": "http://box:11434"}) == ["demo", "mock/*", "ollama/*"]


def test_a_provider_without_an_address_is_silently_not() -> None:
    settings = zero({"AZURE_API_KEY": "x"}, load_catalog())
    assert [one.group for one in settings.routes.deployments] == ["demo", "mock/*"]
    assert settings.problems == ()


def test_the_master_key_of_the_environment_counts() -> None:
    assert zero({"HEADGATE_MASTER_KEY": "k" * 20}, load_catalog()).master_key == "k" * 20


def test_what_the_environment_says_wrong_is_raised_or_examined() -> None:
    env = {"SSL_VERIFY": "/no/such/ca.pem"}
    assert [p.level for p in examine_zero(env, load_catalog()).problems] == ["error"]
    with pytest.raises(ConfigError, match="SSL_VERIFY"):
        zero(env, load_catalog())


def test_with_every_usual_variable_set_each_provider_has_its_wildcard() -> None:
    catalog = load_catalog()
    keyed = [one for one in catalog.values() if one.credential.required and "$" not in one.base_url]
    env = {one.credential.env[0]: "sk-0123456789abcdef" for one in keyed if one.credential.env}
    settings = zero(env, catalog)
    groups = {deployment.group for deployment in settings.routes.deployments}
    assert {f"{one.name}/*" for one in keyed if one.base_url} <= groups
    assert {problem.level for problem in settings.problems} <= {"note"}
