"""Deployments from entries of `model_list`."""

from __future__ import annotations

import pytest

from pipelines.money import Prices
from pipelines.provider import Credential
from pipelines.providers.credentials.none import NoCredential
from proxy.config.settings import Settings
from tests.builders import an_upstream_request
from tests.proxy.config.builders import ENV, OPENAI_KEY, examined, only, said, told, with_params


async def signed(credential: Credential) -> dict[str, str]:
    request = an_upstream_request()
    before = dict(request.headers)
    await credential.sign(request)
    return {name: value for name, value in request.headers.items() if name not in before}


def groups(settings: Settings) -> list[str]:
    return [deployment.group for deployment in settings.routes.deployments]


def test_an_entry_becomes_a_deployment_with_all_it_says() -> None:
    params = (
        "model: openai/gpt-4o, rpm: 10, tpm: '2000', weight: 3, order: 2, timeout: '30',"
        " stream_timeout: 5.5, max_retries: 1"
    )
    one = only(with_params(params))
    assert (one.group, one.model, one.provider.name) == ("m", "gpt-4o", "openai")
    assert one.base_url == "https://api.openai.com/v1"
    assert (one.rpm, one.tpm, one.weight, one.order) == (10, 2000, 3, 2)
    assert (one.timeout, one.stream_timeout, one.max_retries) == (30, 5.5, 1)
    assert one.prices is None


async def test_the_key_signs_and_never_shows() -> None:
    settings = with_params("model: openai/gpt-4o")
    one = only(settings)
    assert await signed(one.credential) == {"Authorization": f"Bearer {OPENAI_KEY}"}
    assert settings.key_hints[one.id] == "sk-…cdef (OPENAI_API_KEY)"
    assert OPENAI_KEY not in repr(one)


async def test_azure_takes_its_key_in_a_header_and_a_version() -> None:
    params = "model: azure/d, api_base: 'https://x.openai.azure.com', api_key: secret"
    one = only(with_params(f"{params}, api_version: 2024-02-01"))
    assert await signed(one.credential) == {"api-key": "secret"}
    assert one.api_version == "2024-02-01"


def test_a_server_of_ones_own_needs_no_key() -> None:
    settings = with_params("model: ollama/llama3", {})
    assert isinstance(only(settings).credential, NoCredential)
    assert settings.key_hints[only(settings).id] == "none"


def test_headers_and_organization_are_sent_and_hidden() -> None:
    params = "model: openai/m, headers: {X-A: a}, extra_headers: {X-B: marked}, organization: org"
    one = only(with_params(params))
    assert one.headers == {"X-A": "a", "X-B": "marked", "OpenAI-Organization": "org"}
    assert "marked" not in repr(one)


def test_the_organization_may_come_from_the_environment() -> None:
    env = {**ENV, "OPENAI_ORGANIZATION": "org-env"}
    assert only(with_params("model: openai/m", env)).headers == {"OpenAI-Organization": "org-env"}
    mine = "model: openai/m, extra_headers: {openai-organization: mine}"
    assert only(with_params(mine, env)).headers == {"openai-organization": "mine"}


def test_prices_are_exact_and_may_stand_in_model_info() -> None:
    params = "model: openai/m, input_cost_per_token: 1.5e-07, output_cost_per_token: '6e-7'"
    assert only(with_params(params)).prices == Prices(prompt=150_000, completion=600_000)
    text = """
        model_list:
          - model_name: m
            litellm_params: {model: openai/m, input_cost_per_token: 0.0000025}
            model_info:
              input_cost_per_token: 9
              cache_read_input_token_cost: 1.25e-06
              output_cost_per_reasoning_token: 1e-5
    """
    assert only(examined(text)).prices == Prices(2_500_000, 0, 1_250_000, None, 10_000_000)


def test_without_a_price_of_its_own_a_deployment_has_the_tables() -> None:
    one = only(with_params("model: openai/gpt-4o"))
    assert one.prices is None
    assert one.tariff is not None
    assert one.tariff.at(1_793_000_000).completion == 10_000_000
    assert only(with_params("model: openai/no-such-model")).tariff is None


def test_a_base_model_gives_its_price_to_a_name_that_says_nothing() -> None:
    text = """
        model_list:
          - model_name: m
            litellm_params: {model: openai/mine}
            model_info: {base_model: gpt-4o}
    """
    assert only(examined(text)).tariff == only(with_params("model: openai/gpt-4o")).tariff


def test_a_deployment_has_the_id_that_it_is_given() -> None:
    text = """
        model_list:
          - {model_name: m, litellm_params: {model: openai/m}, model_info: {id: 7}}
          - {model_name: m, litellm_params: {model: openai/m}, model_info: {id: "7"}}
    """
    settings = examined(text)
    first, second = settings.routes.deployments
    assert first.id == "7"
    assert len(second.id) == 64
    assert "another model has this id" in said(settings, "warning")


def test_a_made_up_id_is_stable_and_does_not_hang_on_secrets() -> None:
    def id_of(params: str) -> str:
        return only(with_params(params)).id

    plain = id_of("model: openai/m, rpm: 1")
    assert plain == id_of("rpm: 1, model: openai/m, api_key: another-key")
    assert plain != id_of("model: openai/m, rpm: 2")


def test_equals_have_ids_of_their_own() -> None:
    entry = "  - {model_name: m, litellm_params: {model: openai/m}}\n"
    ids = [one.id for one in examined(f"model_list:\n{entry * 3}").routes.deployments]
    assert len(set(ids)) == 3


def test_what_has_no_order_comes_after_what_has_one() -> None:
    text = """
        model_list:
          - {model_name: m, litellm_params: {model: openai/a, order: 2}}
          - {model_name: m, litellm_params: {model: openai/b}}
          - {model_name: n, litellm_params: {model: openai/c}}
    """
    assert [one.order for one in examined(text).routes.deployments] == [2, 3, 0]


def test_rpm_and_tpm_may_stand_beside_the_params() -> None:
    text = (
        "model_list: [{model_name: m, rpm: 5, tpm: 6, litellm_params: {model: openai/m, tpm: 7}}]"
    )
    assert (only(examined(text)).rpm, only(examined(text)).tpm) == (5, 7)


@pytest.mark.parametrize("where", ["blocked: true", "model_info: {blocked: true}"])
def test_a_blocked_model_is_left_out(where: str) -> None:
    text = f"""
        model_list:
          - {{model_name: a, litellm_params: {{model: openai/a}}, {where}}}
          - {{model_name: b, litellm_params: {{model: openai/b}}}}
    """
    settings = examined(text)
    assert groups(settings) == ["b"]
    assert said(settings, "note") == "model_list[0].model_name: left out: it is blocked"


def test_a_model_without_its_key_is_left_out_and_the_others_are_served() -> None:
    text = """
        model_list:
          - {model_name: a, litellm_params: {model: openai/a}}
          - {model_name: b, litellm_params: {model: groq/b}}
          - {model_name: c, litellm_params: {model: groq/c, api_key: os.environ/MY_GROQ}}
          - {model_name: d, litellm_params: {model: azure/d, api_base: os.environ/MY_AZURE}}
    """
    settings = examined(text)
    assert groups(settings) == ["a"]
    assert said(settings, "error") == ""
    assert said(settings, "warning") == (
        "model_list[1].litellm_params.api_key: left out:"
        " no key for Groq: set api_key here, or GROQ_API_KEY\n"
        "model_list[2].litellm_params.api_key: left out:"
        " the environment variable MY_GROQ is not set\n"
        "model_list[3].litellm_params.api_base: left out:"
        " the environment variable MY_AZURE is not set"
    )


def test_a_key_of_another_variable_is_used_and_told() -> None:
    settings = with_params("model: openai/m, api_key: os.environ/MINE")
    assert settings.key_hints[only(settings).id] == "sk-…cdef (OPENAI_API_KEY)"
    assert said(settings, "warning") == (
        "model_list[0].litellm_params.api_key: the environment variable MINE is not set;"
        " OPENAI_API_KEY is used"
    )


def test_an_optional_key_that_is_not_set_is_told_too() -> None:
    settings = with_params("model: ollama/m, api_key: os.environ/MINE", {})
    assert said(settings, "warning").endswith("MINE is not set; no key is sent")


def test_a_model_without_a_model_is_an_error_and_not_served() -> None:
    settings = with_params("rpm: 5")
    assert settings.routes.deployments == ()
    assert said(settings, "error") == "model_list[0].litellm_params.model: this is missing"


def test_a_doubtful_address_is_a_warning() -> None:
    settings = with_params("model: openai/m, api_base: 'http://any/v1/chat/completions'")
    assert only(settings).base_url == "http://any/v1/chat/completions"
    assert "litellm_params.api_base: the gateway appends" in said(settings, "warning")


def test_a_wildcard_keeps_its_star_on_both_sides() -> None:
    one = only(with_params("model: openai/*", name="openai/*"))
    assert (one.group, one.model) == ("openai/*", "*")
    settings = with_params("model: groq/llama-*", {"GROQ_API_KEY": "x"}, name="llama-*")
    (found,) = settings.routes.find("llama-3.1-8b")
    assert found.model == "llama-3.1-8b"


def test_a_star_that_nothing_can_fill_is_an_error() -> None:
    assert "needs one too" in said(with_params("model: openai/*"), "error")
    wrong = with_params("model: openai/*", name="*/x-*")
    assert "as many * as" in said(wrong, "error")
    assert only(with_params("model: openai/*-*", ENV, name="*/x-*")).model == "*-*"
    assert "write it as provider/*" in said(with_params("model: '*'", name="x/*"), "error")


def test_the_star_alone_stands_for_every_provider_with_a_key() -> None:
    env = {**ENV, "GROQ_API_KEY": "groq-0123456789", "AZURE_API_KEY": "no address for it"}
    settings = with_params("model: '*', rpm: 5", env, name="*")
    assert {"openai/*", "groq/*", "gpt-*"} <= set(groups(settings))
    assert "azure/*" not in groups(settings)
    assert [one.model for one in settings.routes.find("groq/llama")] == ["llama"]
    assert [one.model for one in settings.routes.find("gpt-4o")] == ["gpt-4o"]
    assert settings.routes.find("no-such-name") == ()
    assert {one.rpm for one in settings.routes.deployments} == {5}
    assert said(settings, "warning") == ""


def test_the_star_alone_gives_way_to_what_is_named_and_takes_no_key() -> None:
    text = """
        model_list:
          - {model_name: "*", litellm_params: {model: "*", api_key: one-for-all}}
          - {model_name: openai/*, litellm_params: {model: openai/*, rpm: 7}}
    """
    settings = examined(text)
    (found,) = settings.routes.find("openai/gpt-4o")
    assert found.rpm == 7
    assert "every provider takes its own variables" in said(settings, "warning")


def test_the_star_alone_without_any_key_is_told() -> None:
    settings = with_params("model: '*'", {}, name="*")
    assert "left out: no provider's key is set" in said(settings, "warning")
    assert "there is no model that can be served" in said(settings, "error")


def test_providers_of_the_environment_are_added_where_they_are_not_named() -> None:
    text = """
        model_list:
          - {model_name: openai/*, litellm_params: {model: openai/*, rpm: 7}}
        headgate_settings: {providers_from_environment: true}
    """
    env = {**ENV, "GROQ_API_KEY": "groq-0123456789", "HOSTED_VLLM_API_BASE": "http://gpu:8000"}
    settings = examined(text, env)
    assert groups(settings) == ["openai/*", "groq/*", "hosted_vllm/*"]
    assert settings.problems == ()


@pytest.mark.parametrize(
    ("everywhere", "here", "dropped"),
    [
        ("", "", False),
        ("", ", drop_params: true", True),
        ("litellm_settings: {drop_params: true}", "", True),
        ("litellm_settings: {drop_params: true}", ", drop_params: false", False),
    ],
)
def test_knobs_may_be_dropped_where_it_is_said(everywhere: str, here: str, dropped: bool) -> None:
    text = f"""
{everywhere}
model_list:
  - model_name: m
    litellm_params: {{model: openai/m{here}}}
"""
    settings = examined(text)
    assert only(settings).drop_params is dropped
    assert "drop_params" not in only(settings).defaults
    assert told(settings, "note") == []


def test_an_address_that_nobody_confirmed_is_noted() -> None:
    settings = with_params("model: prism/m, api_key: sk-0123456789abcdef")
    (note,) = told(settings, "note")
    assert "the address of Prism, https://api.prisminference.com/v1, stands in one" in note
    given = "model: prism/m, api_key: sk-0123456789abcdef, api_base: 'https://x.example/v1'"
    assert told(with_params(given), "note") == []
