"""Who serves a model, where, and with which key."""

from __future__ import annotations

import pytest

from pipelines.provider import Provider
from pipelines.providers.load import load_catalog
from proxy.config.providers import (
    Absent,
    Catalog,
    Secret,
    Unfit,
    address,
    api_version,
    configured,
    is_configured,
    is_doubtful,
    resolve,
    secret,
)
from proxy.config.schema import LitellmParams


def params(model: str = "openai/m", **more: object) -> LitellmParams:
    return LitellmParams.model_validate({"model": model, **more})


def provider(name: str) -> Provider:
    return load_catalog()[name]


@pytest.mark.parametrize(
    ("model", "name", "there"),
    [
        ("openai/gpt-4o", "openai", "gpt-4o"),
        ("groq/llama-3.1-8b-instant", "groq", "llama-3.1-8b-instant"),
        ("hosted_vllm/Qwen/Qwen3-32B", "hosted_vllm", "Qwen/Qwen3-32B"),
        ("ollama_chat/llama3.1", "ollama", "llama3.1"),
        ("custom_openai/x", "openai_like", "x"),
        ("gpt-4o", "openai", "gpt-4o"),
        ("o3-mini", "openai", "o3-mini"),
        ("chatgpt-4o-latest", "openai", "chatgpt-4o-latest"),
        ("text-embedding-3-small", "openai", "text-embedding-3-small"),
        ("davinci-002", "openai", "davinci-002"),
        ("ft:gpt-4o-mini:org::id", "openai", "ft:gpt-4o-mini:org::id"),
        ("openai/*", "openai", "*"),
    ],
)
def test_the_prefix_or_a_bare_name_of_openai_tells_the_provider(
    model: str, name: str, there: str
) -> None:
    found, model_there = resolve(params(model), load_catalog())
    assert (found.name, model_there) == (name, there)


@pytest.mark.parametrize("model", ["openai/m", "m"])
def test_a_named_provider_wins_and_its_own_prefix_is_cut(model: str) -> None:
    found, there = resolve(params(model, custom_llm_provider="openai"), load_catalog())
    assert (found.name, there) == ("openai", "m")
    found, there = resolve(params("org/m", custom_llm_provider="groq"), load_catalog())
    assert (found.name, there) == ("groq", "org/m")


@pytest.mark.parametrize(
    ("model", "more", "key", "message"),
    [
        ("opnai/m", {}, "model", 'unknown provider "opnai"; did you mean openai?'),
        ("zzz/m", {}, "model", 'unknown provider "zzz"'),
        (
            "m",
            {"custom_llm_provider": "grok"},
            "custom_llm_provider",
            'unknown provider "grok"; did',
        ),
        ("my-model", {}, "model", '"my-model" names no provider; write it as provider/model'),
        ("openai/", {}, "model", "expected the model's name after openai/"),
    ],
)
def test_what_names_no_provider_is_told(
    model: str, more: dict[str, str], key: str, message: str
) -> None:
    with pytest.raises(Unfit) as caught:
        resolve(params(model, **more), load_catalog())
    assert caught.value.key == key
    assert str(caught.value).startswith(message)


def test_the_files_key_wins_over_the_variables() -> None:
    found = secret(params(api_key="mine"), provider("openai"), {"OPENAI_API_KEY": "env"}, "KEY")
    assert found == Secret("mine", "KEY")
    assert "mine" not in repr(found)


def test_the_first_usual_variable_that_is_not_empty_is_the_key() -> None:
    env = {"TOGETHER_API_KEY": "", "TOGETHERAI_API_KEY": "second"}
    found = secret(params(), provider("together_ai"), env, None)
    assert found == Secret("second", "TOGETHERAI_API_KEY")


def test_a_key_that_is_needed_and_not_there_is_told_by_the_variables_name() -> None:
    with pytest.raises(Absent, match="OPENAI_API_KEY"):
        secret(params(), provider("openai"), {}, None)
    assert secret(params(), provider("ollama"), {}, None) == Secret("", "")
    assert secret(params(api_key="x"), provider("mock"), {}, None) == Secret("", "")


@pytest.mark.parametrize(
    ("name", "given", "base"),
    [
        ("openai", None, "https://api.openai.com/v1"),
        ("openai", "http://proxy.internal/", "http://proxy.internal"),
        ("openai", "http://proxy.internal/v1//", "http://proxy.internal/v1"),
        ("ollama", "http://host:11434", "http://host:11434"),
        ("ollama", "http://host:11434/", "http://host:11434"),
        ("ollama", "http://host:11434/v1", "http://host:11434"),
        ("ollama", "http://host/llm/api/", "http://host/llm"),
        ("hosted_vllm", "http://gpu:8000", "http://gpu:8000/v1"),
        ("hosted_vllm", "http://gpu:8000/llm", "http://gpu:8000/llm"),
        ("lm_studio", "http://pc:1234", "http://pc:1234/v1"),
        ("openai_like", "http://any:1", "http://any:1"),
        ("mock", None, "mock://local"),
        ("azure", "https://x.openai.azure.com/", "https://x.openai.azure.com"),
        ("azure", "https://x.openai.azure.com/openai/", "https://x.openai.azure.com"),
        ("openai", "http://[::1]:8000/v1", "http://[::1]:8000/v1"),
    ],
)
def test_an_address_is_completed_where_people_leave_something_out(
    name: str, given: str | None, base: str
) -> None:
    assert address(params(api_base=given), provider(name), {}) == (base, None)


def test_base_url_and_the_variable_are_other_ways_to_say_it() -> None:
    env = {"OPENAI_BASE_URL": "http://env/v1"}
    assert address(params(), provider("openai"), env)[0] == "http://env/v1"
    assert address(params(base_url="http://f/v1"), provider("openai"), env)[0] == "http://f/v1"
    both = params(base_url="http://f/v1", api_base="http://first/v1")
    assert address(both, provider("openai"), env)[0] == "http://first/v1"


def test_a_whole_azure_address_is_cut_and_doubted() -> None:
    url = "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21"
    base, doubt = address(params(api_base=url), provider("azure"), {})
    assert base == "https://x.openai.azure.com"
    assert doubt is not None


def test_an_address_that_ends_in_an_operation_is_doubted() -> None:
    given = params(api_base="http://any/v1/chat/completions")
    base, doubt = address(given, provider("openai"), {})
    assert base == "http://any/v1/chat/completions"
    assert doubt is not None


@pytest.mark.parametrize(
    "given",
    [
        "host:8000",
        "ftp://host",
        "https://",
        "https://a b/v1",
        "https://host:port/v1",
        "https://user:marked@host/v1",
        "https://host/v1?key=marked",
        "https://host/v1#marked",
        "https://[::1/v1",
    ],
)
def test_what_is_no_address_is_refused_and_not_quoted(given: str) -> None:
    with pytest.raises(Unfit) as caught:
        address(params(api_base=given), provider("openai"), {})
    assert caught.value.key == "api_base"
    assert "marked" not in str(caught.value)


def test_an_address_that_nobody_knows_is_told_with_what_to_set() -> None:
    with pytest.raises(Unfit, match="set api_base or HOSTED_VLLM_API_BASE"):
        address(params(), provider("hosted_vllm"), {})
    with pytest.raises(Unfit, match="OPENAI_BASE_URL: expected an address"):
        address(params(), provider("openai"), {"OPENAI_BASE_URL": "nowhere"})


def test_the_version_is_the_files_the_variables_or_the_catalogues() -> None:
    azure, env = provider("azure"), {"AZURE_API_VERSION": "2025-01-01"}
    assert api_version(params(api_version="2024-01-01"), azure, env) == "2024-01-01"
    assert api_version(params(), azure, env) == "2025-01-01"
    assert api_version(params(), azure, {}) == "2024-10-21"
    assert api_version(params(), provider("openai"), {"OPENAI_API_VERSION": "x"}) == ""


def test_a_provider_is_configured_by_its_key_or_where_it_needs_none_by_its_address() -> None:
    assert is_configured(provider("openai"), {"OPENAI_API_KEY": "x"})
    assert not is_configured(provider("openai"), {"OPENAI_BASE_URL": "http://x"})
    assert is_configured(provider("hosted_vllm"), {"HOSTED_VLLM_API_BASE": "http://x"})
    assert not is_configured(provider("ollama"), {})
    assert not is_configured(provider("mock"), {})


@pytest.mark.parametrize("catalog", [load_catalog(), dict(load_catalog())])
def test_those_that_are_configured_come_in_the_catalogues_order(catalog: Catalog) -> None:
    env = {
        "OPENAI_API_KEY": "x",
        "GROQ_API_KEY": "y",
        "HOSTED_VLLM_API_BASE": "http://x",
        "HOME": "/",
    }
    found = [one.name for one in configured(catalog, env, "ollama")]
    assert set(found) == {"openai", "groq", "hosted_vllm", "ollama"}
    assert found == [name for name in catalog if name in found]
    assert list(configured(catalog, {"GROQ_API_KEY": " "})) == []


def test_an_address_is_filled_in_from_the_environment() -> None:
    mantle = provider("bedrock_mantle")
    base, _ = address(params(), mantle, {"AWS_REGION": "eu-west-1"})
    assert base == "https://bedrock-mantle.eu-west-1.api.aws/v1"
    env = {"AWS_REGION": "eu-west-1", "BEDROCK_MANTLE_REGION": "us-east-1"}
    assert address(params(), mantle, env)[0] == "https://bedrock-mantle.us-east-1.api.aws/v1"
    assert address(params(api_base="https://x.example/v1"), mantle, {})[0] == "https://x.example/v1"


def test_a_part_of_an_address_that_is_not_set_is_told_by_its_variables() -> None:
    with pytest.raises(Absent, match="set api_base or BEDROCK_MANTLE_REGION or AWS_REGION"):
        address(params(), provider("bedrock_mantle"), {})


@pytest.mark.parametrize("value", ["evil.example/", "a@b", "a..b", "a b", "é", "x#", "x?"])
def test_a_part_of_an_address_cannot_lead_elsewhere(value: str) -> None:
    with pytest.raises(Unfit, match="SNOWFLAKE_ACCOUNT_ID: expected letters"):
        address(params(), provider("snowflake"), {"SNOWFLAKE_ACCOUNT_ID": value})


def test_only_the_catalogues_own_address_is_doubted() -> None:
    prism = provider("prism")
    assert is_doubtful(prism, prism.base_url)
    assert not is_doubtful(prism, "https://operator.example/v1")
    assert not is_doubtful(provider("openai"), provider("openai").base_url)


@pytest.mark.parametrize(
    ("written", "meant"), [("mistrall", "mistral"), ("open_router", "openrouter")]
)
def test_an_unknown_provider_is_told_with_the_nearest_name(written: str, meant: str) -> None:
    with pytest.raises(Unfit, match=f"did you mean {meant}"):
        resolve(params(f"{written}/m"), load_catalog())
