"""All sections together."""

from __future__ import annotations

from tests.proxy.config.builders import ENV, examined, said, with_sections


def test_our_own_settings_are_taken_over() -> None:
    text = """
        headgate_settings:
          drain_timeout: 0
          connect_timeout: 5
          idle_timeout: 60
          keep_alive: '30'
          discover_models: false
    """
    settings = with_sections(text)
    assert (settings.drain_timeout, settings.connect_timeout) == (0, 5)
    assert (settings.keep_alive, settings.policy.idle) == (30, 60)
    assert settings.discover_models is False


def test_own_variables_count_for_everything() -> None:
    text = """
        model_list:
          - {model_name: a, litellm_params: {model: groq/a}}
        environment_variables:
          GROQ_API_KEY: os.environ/OTHER
          HEADGATE_LOG: debug
    """
    settings = examined(text, {"OTHER": "groq-0123456789abcdef"})
    assert settings.log_level == "debug"
    assert settings.environment["GROQ_API_KEY"] == "groq-0123456789abcdef"
    assert [one.provider.name for one in settings.routes.deployments] == ["groq"]


def test_a_configuration_without_a_model_is_an_error() -> None:
    for text in ("", "model_list: []", "model_list:"):
        assert said(examined(text), "error") == "model_list: there is no model that can be served"


def test_where_nothing_is_left_it_is_an_error() -> None:
    settings = examined("model_list: [{model_name: a, litellm_params: {model: groq/a}}]")
    assert "left out" in said(settings, "warning")
    assert "there is no model that can be served" in said(settings, "error")


def test_one_wrong_part_does_not_hide_the_others() -> None:
    text = """
        model_list:
          - {model_name: a, litellm_params: {model: opnai/a}}
          - {model_name: b, litellm_params: {model: openai/b}}
        router_settings: {num_retries: x, fallbacks: [{b: [c]}]}
    """
    settings = examined(text)
    assert [one.group for one in settings.routes.deployments] == ["b"]
    assert said(settings, "error").count("\n") == 1
    assert '"c"' in said(settings, "warning")


def test_a_fallback_to_a_model_that_was_left_out_is_not_told_twice() -> None:
    text = """
        model_list:
          - {model_name: a, litellm_params: {model: openai/a}}
          - {model_name: groq/*, litellm_params: {model: groq/*}}
        router_settings: {fallbacks: [{a: [groq/llama]}]}
    """
    settings = examined(text, ENV)
    assert "named" not in said(settings, "warning")


def test_a_reference_of_a_key_that_does_nothing_yet_is_a_warning_if_it_is_not_set() -> None:
    settings = with_sections("general_settings: {database_url: os.environ/DATABASE_URL}")
    assert said(settings, "warning") == (
        "general_settings.database_url: the environment variable DATABASE_URL is not set"
    )
