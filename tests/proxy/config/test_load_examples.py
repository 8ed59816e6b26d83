"""The examples that we ship can be served."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.deployment import Deployment
from pipelines.providers.load import load_catalog
from proxy.config.load import load
from proxy.config.settings import Settings
from proxy.config.zero import zero

FOLDER = Path(__file__).parents[3] / "deploy" / "examples"
EXAMPLES = sorted(path.name for path in FOLDER.glob("*.yaml"))
ENV = {
    **{
        name: f"{name.lower()}-0123456789abcdef"
        for name in (
            "AZURE_API_KEY",
            "GROQ_API_KEY",
            "HEADGATE_MASTER_KEY",
            "OPENAI_API_KEY",
            "OPENAI_API_KEY_2",
            "TOGETHER_API_KEY",
        )
    },
    "AZURE_API_BASE": "https://example.openai.azure.com/",
}


def example(name: str) -> Settings:
    return load(FOLDER / f"{name}.yaml", ENV, load_catalog())


def essence(deployment: Deployment) -> tuple[object, ...]:
    return deployment.group, deployment.provider, deployment.model, deployment.base_url


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_served_without_a_warning(name: str) -> None:
    settings = load(FOLDER / name, ENV, load_catalog())
    assert settings.routes.deployments
    assert [str(problem) for problem in settings.problems if problem.level != "note"] == []


def test_the_quickstart_is_zero_configuration_as_a_file() -> None:
    catalog = load_catalog()
    env = {"OPENAI_API_KEY": "x", "AZURE_API_KEY": "without an address"}
    file = load(FOLDER / "quickstart.yaml", env, catalog, ollama_up=True)
    none = zero(env, catalog, ollama_up=True)
    assert list(map(essence, file.routes.deployments)) == list(
        map(essence, none.routes.deployments)
    )
    assert [one.group for one in file.routes.deployments] == [
        "demo",
        "mock/*",
        "openai/*",
        "ollama/*",
    ]
    assert file.problems == ()


def test_load_balancing_has_weights_orders_and_fallbacks() -> None:
    settings = example("load-balancing")
    assert [one.weight for one in settings.routes.find("gpt-4o")] == [3, 1]
    assert [one.order for one in settings.routes.find("llama-3.3-70b")] == [1, 2]
    assert settings.routes.fallbacks.of("gpt-4o") == ("llama-3.3-70b",)
    assert settings.routes.find("gpt-4") == settings.routes.find("gpt-4o")
    assert "default" not in settings.routes.names


def test_azure_comes_before_openai() -> None:
    first, second = example("azure-and-openai").routes.find("gpt-4o")
    assert (first.provider.name, first.model) == ("azure", "my-gpt-4o-deployment")
    assert first.base_url == "https://example.openai.azure.com"
    assert (second.provider.name, first.order < second.order) == ("openai", True)


def test_local_servers_need_no_key() -> None:
    settings = example("local")
    assert set(settings.key_hints.values()) == {"none"}
    assert settings.routes.find("llama3")[0].base_url == "http://localhost:11434"
    assert settings.routes.find("gemma")[0].defaults == {"temperature": 0.2, "max_tokens": 2048}


def test_wildcards_and_names_live_side_by_side() -> None:
    routes = example("wildcard").routes
    assert [one.model for one in routes.find("openai/gpt-4o-mini")] == ["gpt-4o-mini"]
    assert [one.model for one in routes.find("fast-8b")] == ["llama-3.1-8b-instant"]
    assert [one.provider.name for one in routes.find("together_ai/org/m")] == ["together_ai"]


def test_a_team_has_a_master_key_and_limits() -> None:
    settings = example("team")
    assert settings.master_key == ENV["HEADGATE_MASTER_KEY"]
    assert settings.max_body_bytes == 16 * 1024 * 1024
    assert settings.log_format == "json"
    assert settings.routes.deployments[0].headers == {"OpenAI-Organization": "org-example"}
