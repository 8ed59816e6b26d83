"""Configurations as LiteLLM's users have them, taken as they are."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from proxy.config.settings import Settings
from tests.proxy.config.builders import examined, said

ENV = MappingProxyType(
    {
        "OPENAI_API_KEY": "sk-openai-0123456789abcdef",
        "AZURE_API_KEY_EU": "azure-eu-0123456789abcdef",
        "AZURE_API_KEY_US": "azure-us-0123456789abcdef",
        "AZURE_API_BASE_EU": "https://eu.openai.azure.com/",
        "GROQ_API_KEY": "gsk_0123456789abcdef0123",
        "LITELLM_MASTER_KEY": "sk-master-0123456789abcdef",
        "DATABASE_URL": "postgresql://llm:marked@db/llm",
        "REDIS_HOST": "redis",
        "REDIS_PASSWORD": "redis-0123456789",
        "LANGFUSE_PUBLIC_KEY": "pk-lf-0123456789",
        "LANGFUSE_SECRET_KEY": "sk-lf-0123456789",
        "SLACK_WEBHOOK_URL": "https://hooks.example/T0/B0/marked",
    }
)

QUICK_START = """
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: azure/my_azure_deployment
      api_base: os.environ/AZURE_API_BASE_EU
      api_key: "os.environ/AZURE_API_KEY_EU"
      api_version: "2025-01-01-preview" # [OPTIONAL] litellm uses the latest azure api_version
"""

LOAD_BALANCED = """
model_list:
  - model_name: gpt-3.5-turbo
    litellm_params:
      model: azure/gpt-turbo-small-eu
      api_base: https://my-endpoint-europe-berri-992.openai.azure.com/
      api_key: os.environ/AZURE_API_KEY_EU
      rpm: 6      # Rate limit for this deployment: in requests per minute (rpm)
  - model_name: gpt-3.5-turbo
    litellm_params:
      model: azure/gpt-turbo-small-ca
      api_base: https://my-endpoint-canada-berri992.openai.azure.com/
      api_key: os.environ/AZURE_API_KEY_US
      rpm: 6
  - model_name: gpt-3.5-turbo
    litellm_params:
      model: azure/gpt-turbo-large
      api_base: https://openai-france-1234.openai.azure.com/
      api_key: os.environ/AZURE_API_KEY_EU
      rpm: 1440
router_settings:
  routing_strategy: simple-shuffle # Literal["simple-shuffle", "least-busy", ...]
  model_group_alias: {"gpt-4": "gpt-3.5-turbo"}
  num_retries: 2
  timeout: 30                                  # 30 seconds
  redis_host: os.environ/REDIS_HOST
  redis_password: os.environ/REDIS_PASSWORD
  redis_port: 1992
"""

PRODUCTION = """
model_list:
  - model_name: fake-openai-endpoint
    litellm_params:
      model: openai/fake
      api_key: fake-key
      api_base: https://exampleopenaiendpoint-production.up.railway.app/
litellm_settings:
  success_callback: ["langfuse"]
  request_timeout: 600    # raise Timeout error if call takes longer than 600 seconds
  set_verbose: False      # Switch off Debug Logging
  json_logs: true
general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
  database_url: os.environ/DATABASE_URL
  alerting: ["slack"]
  proxy_batch_write_at: 60
  database_connection_pool_limit: 10
  disable_error_logs: True
  allow_requests_on_db_unavailable: True
"""

FALLBACKS = """
model_list:
  - model_name: zephyr-beta
    litellm_params:
      model: openai_like/zephyr
      api_base: http://0.0.0.0:8001/v1
  - model_name: gpt-3.5-turbo
    litellm_params: {model: gpt-3.5-turbo, api_key: os.environ/OPENAI_API_KEY}
  - model_name: gpt-3.5-turbo-16k
    litellm_params: {model: gpt-3.5-turbo-16k, api_key: os.environ/OPENAI_API_KEY}
litellm_settings:
  num_retries: 3 # retry call 3 times on each model_name
  request_timeout: 10
  fallbacks: [{"zephyr-beta": ["gpt-3.5-turbo"]}]
  context_window_fallbacks: [{"zephyr-beta": ["gpt-3.5-turbo-16k"]}]
  default_fallbacks: ["gpt-3.5-turbo-16k"]
  allowed_fails: 3
  cooldown_time: 30
"""

OLDER_FALLBACKS = """
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o}
  - model_name: llama
    litellm_params: {model: groq/llama-3.3-70b-versatile}
router_settings:
  fallbacks:
    - model_name: gpt-4o
      fallbacks:
        - llama
"""

WILDCARDS = """
model_list:
  - model_name: "*"
    litellm_params:
      model: "openai/*"
      api_key: os.environ/OPENAI_API_KEY
  - model_name: "groq/*"
    litellm_params:
      model: "groq/*"
      api_key: os.environ/GROQ_API_KEY
general_settings:
  return_wildcard_routes: true
"""

OLLAMA = """
model_list:
  - model_name: "llama3.1"
    litellm_params:
      model: "ollama_chat/llama3.1"
      api_base: "http://host.docker.internal:11434"
      keep_alive: "8m"
    model_info:
      supports_function_calling: true
      mode: chat
  - model_name: nomic
    litellm_params:
      model: ollama/nomic-embed-text
      api_base: http://localhost:11434/
    model_info: {mode: embedding}
"""

VLLM = """
model_list:
  - model_name: qwen-coder
    litellm_params:
      model: hosted_vllm/Qwen/Qwen2.5-Coder-32B-Instruct
      api_base: http://vllm:8000/v1
      api_key: none
      max_parallel_requests: 20
      extra_body:
        chat_template_kwargs: {enable_thinking: false}
      input_cost_per_token: 0.0
      output_cost_per_token: 0.0
"""

CACHE = """
model_list:
  - model_name: gpt-4o
    litellm_params: {model: gpt-4o}
litellm_settings:
  drop_params: True
  cache: True
  cache_params:
    type: redis
    host: os.environ/REDIS_HOST
    port: "6379"
    password: os.environ/REDIS_PASSWORD
    namespace: "litellm.caching.caching"
    ttl: 600
    supported_call_types: ["acompletion", "atext_completion", "aembedding"]
  callbacks: prometheus
"""

PRICES = """
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-prod
      api_base: os.environ/AZURE_API_BASE_EU
      api_key: os.environ/AZURE_API_KEY_EU
      input_cost_per_token: 0.000421 # the price people write in full
      output_cost_per_token: 5.2e-4
      tags: ["paid"]
    model_info:
      base_model: azure/gpt-4o-2024-08-06
      access_groups: ["beta-models"]
      id: azure-gpt-4o-1
"""

CREDENTIALS = """
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      litellm_credential_name: default_openai
credential_list:
  - credential_name: default_openai
    credential_values: {api_key: os.environ/OPENAI_API_KEY}
    credential_info: {description: "Production credentials"}
guardrails:
  - guardrail_name: "presidio-pii"
    litellm_params: {guardrail: presidio, mode: "pre_call", default_on: true}
mcp_servers:
  docs: {url: "https://mcp.example/mcp", transport: http}
"""

VARIABLES = """
environment_variables:
  GROQ_KEY_OF_THE_TEAM: os.environ/GROQ_API_KEY
  PROXY_HOST: gateway.internal
  SEPARATE_HEALTH_APP: 1
model_list:
  - model_name: llama
    litellm_params:
      model: groq/llama-3.1-8b-instant
      api_key: os.environ/GROQ_KEY_OF_THE_TEAM
      api_base: https://os.environ/PROXY_HOST/openai/v1
      timeout: "45"
      stream_timeout: 4.5
      max_retries: "1"
      extra_headers: {X-Team: red}
"""

ROUTER = """
model_list:
  - &default
    model_name: gpt-4o
    litellm_params: &params
      model: openai/gpt-4o
      weight: 9
  - <<: *default
    litellm_params:
      <<: *params
      model: openai/gpt-4o-2024-11-20
      weight: 1
router_settings:
  enable_pre_call_checks: true
  routing_strategy: usage-based-routing-v2
  allowed_fails: 3
  cooldown_time: 30
  retry_policy: {RateLimitErrorRetries: 3, TimeoutErrorRetries: 2}
  allowed_fails_policy: {RateLimitErrorAllowedFails: 100}
  optional_pre_call_checks: ["prompt_caching"]
  provider_budget_config: {openai: {budget_limit: 100, time_period: 1d}}
"""

FILES = MappingProxyType(
    {
        "quick start": QUICK_START,
        "load balanced": LOAD_BALANCED,
        "production": PRODUCTION,
        "fallbacks": FALLBACKS,
        "older fallbacks": OLDER_FALLBACKS,
        "wildcards": WILDCARDS,
        "ollama": OLLAMA,
        "vllm": VLLM,
        "cache": CACHE,
        "prices": PRICES,
        "credentials": CREDENTIALS,
        "variables": VARIABLES,
        "router": ROUTER,
    }
)


def loaded(text: str) -> Settings:
    settings = examined(text, ENV)
    assert said(settings, "error") == ""
    return settings


@pytest.mark.parametrize("name", FILES)
def test_files_of_litellms_users_are_taken_without_an_error(name: str) -> None:
    settings = loaded(FILES[name])
    assert settings.routes.deployments
    assert "left out" not in said(settings, "warning")


def test_the_quick_start_reaches_azure() -> None:
    (one,) = loaded(QUICK_START).routes.find("gpt-4o")
    assert (one.provider.name, one.model) == ("azure", "my_azure_deployment")
    assert one.base_url == "https://eu.openai.azure.com"
    assert one.api_version == "2025-01-01-preview"


def test_load_balancing_keeps_limits_aliases_and_waits() -> None:
    settings = loaded(LOAD_BALANCED)
    assert [one.rpm for one in settings.routes.find("gpt-4")] == [6, 6, 1440]
    assert settings.policy.whole == 30
    assert settings.storage.redis is not None


def test_a_production_file_has_its_key_and_tells_what_is_not_active_yet() -> None:
    settings = loaded(PRODUCTION)
    assert settings.master_key == ENV["LITELLM_MASTER_KEY"]
    assert (settings.log_format, settings.log_level) == ("json", "info")
    assert settings.routes.deployments[0].base_url.endswith("railway.app")
    assert settings.storage.database == "postgresql://llm:marked@db/llm"
    assert said(settings, "warning") == ""


def test_both_shapes_of_fallbacks_are_read() -> None:
    fallbacks = loaded(FALLBACKS).routes.fallbacks
    assert fallbacks.of("zephyr-beta") == ("gpt-3.5-turbo",)
    assert fallbacks.of("gpt-3.5-turbo") == ("gpt-3.5-turbo-16k",)
    assert loaded(OLDER_FALLBACKS).routes.fallbacks.of("gpt-4o") == ("llama",)


def test_the_longest_wildcard_wins() -> None:
    routes = loaded(WILDCARDS).routes
    assert [one.provider.name for one in routes.find("groq/llama")] == ["groq"]
    assert [one.model for one in routes.find("gpt-4o")] == ["gpt-4o"]


def test_ollama_is_spoken_to_on_its_own_side() -> None:
    first, second = loaded(OLLAMA).routes.deployments
    assert (first.base_url, first.model) == ("http://host.docker.internal:11434", "llama3.1")
    assert first.defaults == {"keep_alive": "8m"}
    assert second.base_url == "http://localhost:11434"


def test_fields_for_vllm_go_into_the_body() -> None:
    (one,) = loaded(VLLM).routes.deployments
    assert one.model == "Qwen/Qwen2.5-Coder-32B-Instruct"
    assert one.defaults == {"chat_template_kwargs": {"enable_thinking": False}}
    assert one.prices is not None
    assert one.prices.at(0).prompt == 0


def test_prometheus_is_there_without_a_callback() -> None:
    settings = loaded(CACHE)
    assert settings.callbacks.all == ()
    assert "callback" not in said(settings, "note") + said(settings, "warning")


def test_prices_are_exact_and_ids_are_kept() -> None:
    (one,) = loaded(PRICES).routes.deployments
    assert one.id == "azure-gpt-4o-1"
    assert one.prices is not None
    prices = one.prices.at(0)
    assert (prices.prompt, prices.completion) == (421_000_000, 520_000_000)


def test_variables_of_the_file_are_used_by_its_models() -> None:
    settings = loaded(VARIABLES)
    (one,) = settings.routes.deployments
    assert one.base_url == "https://gateway.internal/openai/v1"
    assert (one.timeout, one.stream_timeout, one.max_retries) == (45, 4.5, 1)
    assert settings.key_hints[one.id] == "…0123 (GROQ_KEY_OF_THE_TEAM)"


def test_anchors_of_yaml_may_be_used() -> None:
    settings = loaded(ROUTER)
    assert [one.weight for one in settings.routes.find("gpt-4o")] == [9, 1]
    assert "usage" not in said(settings, "error")
    assert settings.policy.retries
