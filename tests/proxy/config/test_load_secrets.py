"""No secret gets out: not in a message, not in a repr, not in what `check` prints."""

from __future__ import annotations

import traceback
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.providers.load import load_catalog
from proxy.commands.check import check
from proxy.config.load import ConfigError, examine, load

MARK = "MARKED"
KEY = f"sk-{MARK}-0123456789abcdef-end"
SHORT = f"{MARK}1"
ENV = {
    "OPENAI_API_KEY": f"sk-{MARK}-openai-0123456789-end",
    "GROQ_API_KEY": SHORT,
    "AZURE_API_KEY": f"{MARK}-azure-0123456789abcdef-end",
    "MY_KEY": f"{MARK}-mine-0123456789abcdef-end",
    "HEADGATE_MASTER_KEY": f"sk-{MARK}-master",
    "DATABASE_URL": f"postgresql://user:{MARK}-db@host/db",
}
PLACES = (
    "model_list: [{{model_name: m, litellm_params: {{model: openai/m, api_key: {0}}}}}]",
    "model_list: [{{model_name: m, litellm_params: {{model: openai/m, rpm: {0}}}}}]",
    "model_list: [{{model_name: m, litellm_params: {{model: openai/m, api_keys: {0}}}}}]",
    "model_list: [{{model_name: m, litellm_params: {{model: openai/m, api_base: {0}}}}}]",
    "model_list: [{{model_name: m, litellm_params: {{model: openai/m, api_key: [{0}]}}}}]",
    "model_list: [{{model_name: m, litellm_params: {{model: openai/m, organization: {0}}}}}]",
    "model_list: [{{model_name: m, litellm_params: {{model: openai/m, temperature: {0}}}}}]",
    "model_list: [{{model_name: m, litellm_params: {{model: {0}}}}}]",
    "model_list: [{{model_name: m, litellm_params: {{model: '{0}/m'}}}}]",
    "model_list: [{{model_name: m, litellm_params: {{model: m, custom_llm_provider: {0}}}}}]",
    "model_list: [{{model_name: m, litellm_params: {{model: openai/m, headers: {{X-A: {0}}}}}}}]",
    "model_list: [{{model_name: m, litellm_params: {{model: openai/m, extra_headers: {0}}}}}]",
    "model_list: [{{model_name: m, litellm_params: {{model: openai/m, {0}: 1}}}}]",
    "model_list: [{{model_name: m, litellm_params: {{model: openai/m, {0}: 1, {0}: 2}}}}]",
    "model_list: [{{model_name: m, litellm_params: {0}}}]",
    "model_list: [{0}]",
    "model_list: {0}",
    "general_settings: {{master_key: {0}}}",
    "general_settings: {{master_key: os.environ/{0}}}",
    "general_settings: {{master_key: [{0}]}}",
    "general_settings: {{master_kei: {0}, database_url: {0}}}",
    "general_settings: {{max_request_size_mb: {0}}}",
    "general_settings: {0}",
    "router_settings: {{redis_password: {0}, redis_port: {0}, num_retries: {0}}}",
    "router_settings: {{fallbacks: [{0}, {{{0}: [{0}]}}], model_group_alias: {{a: {0}}}}}",
    "router_settings: {{routing_strategy: {0}}}",
    "litellm_settings: {{ssl_verify: {0}, cache_params: {{password: {0}}}}}",
    "headgate_settings: {{stages: [{0}, {0}, {{acme: {{api_key: {0}}}}}], log_level: {0}}}",
    "headgate_settings: {{stages: [[{0}]]}}",
    "environment_variables: {{LITELLM_MASTER_KEY: {0}, OPENAI_API_KEY: {0}}}",
    "include: ['{0}']",
    "{0}: 1",
    "{0}",
    "a: *{0}",
    "a: !{0} x",
    "a: &{0} x\na: 1",
    'a: "{0}',
    "a: {{{0}: ]",
)
SOURCES = (
    KEY,
    f"Bearer {KEY}",
    "os.environ/MY_KEY",
    "x os.environ/MY_KEY",
    f"https://user:{KEY}@host/v1",
    f"https://host/v1?key={KEY}",
)
GOOD = """
model_list:
  - model_name: good
    litellm_params: {model: openai/good, api_key: os.environ/MY_KEY}
  - model_name: good
    litellm_params: {model: groq/good}
"""


def outputs(path: Path) -> str:
    """All that a person may get to read about a configuration."""
    settings = examine(path, ENV, load_catalog())
    printed = StringIO()
    check(str(path), ENV, printed)
    parts = [
        repr(settings),
        *map(str, settings.problems),
        *map(repr, settings.problems),
        *map(repr, settings.routes.deployments),
        repr(settings.routes),
        printed.getvalue(),
    ]
    try:
        load(path, ENV, load_catalog())
    except ConfigError as error:
        parts += [str(error), repr(error), "".join(traceback.format_exception(error))]
    return "\n".join(parts)


def outputs_of(folder: Path, text: str) -> str:
    path = folder / "litellm.yaml"
    path.write_text(text, "utf-8")
    return outputs(path)


@pytest.mark.parametrize("source", SOURCES, ids=range(len(SOURCES)))
@pytest.mark.parametrize("place", PLACES, ids=range(len(PLACES)))
def test_a_secret_in_any_place_is_in_no_output(tmp_path: Path, place: str, source: str) -> None:
    text = place.format(source)
    good = "" if "model_list" in place else GOOD
    assert MARK not in outputs_of(tmp_path, f"{text}\n{good}")


def test_short_secrets_are_in_no_output_either(tmp_path: Path) -> None:
    text = f"{GOOD}\ngeneral_settings: {{master_key: {SHORT}, drain_endpoint_token: {SHORT}}}\n"
    assert MARK not in outputs_of(tmp_path, text)


@given(
    value=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20),
    key=st.sampled_from(("api_key", "azure_ad_token", "client_secret")),
    break_rpm=st.booleans(),
)
def test_whatever_a_secret_looks_like_it_stays_inside(
    tmp_path_factory: pytest.TempPathFactory, value: str, key: str, break_rpm: bool
) -> None:
    secret = f"{value}{MARK}{value}-0123456789abcdef"
    quoted = secret.replace("'", "''")
    rpm = "ten" if break_rpm else "10"
    text = (
        "model_list:\n- model_name: m\n  litellm_params:\n    model: openai/m\n"
        f"    rpm: {rpm}\n    {key}: '{quoted}'\n"
    )
    assert MARK not in outputs_of(tmp_path_factory.mktemp("secrets"), text)
