"""Secrets are recognised and masked."""

from __future__ import annotations

import pytest

from proxy.config.masking import HiddenValues, Vault, hides, is_secret, mask, plain, show


def test_a_long_secret_is_hinted_at_and_a_short_one_is_not() -> None:
    assert mask("sk-0123456789abcdefghij") == "sk-…ghij"
    assert mask("0123456789abcdefghijklmn") == "…klmn"
    assert mask("sk-1234") == "****"
    assert mask("") == "****"


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "master_key",
        "OPENAI_API_KEY",
        "aws_secret_access_key",
        "aws_access_key_id",
        "azure_ad_token",
        "redis_password",
        "database_url",
        "vertex_credentials",
        "X-Api-Key",
        "Authorization",
    ],
)
def test_a_key_that_holds_a_secret_is_known_by_its_name(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "input_cost_per_token",
        "output_cost_per_reasoning_token",
        "max_tokens",
        "litellm_key_header_name",
        "api_base",
        "key_alias_pattern",
        "tokens",
    ],
)
def test_other_keys_are_not(name: str) -> None:
    assert not is_secret(name)


def test_all_headers_and_all_below_a_secret_are_hidden() -> None:
    assert hides(("model_list", 0, "litellm_params", "extra_headers", "X-Team"))
    assert hides(("credential_list", 0, "vertex_credentials", "client_email"))
    assert not hides(("model_list", 0, "litellm_params", "model"))


def test_a_wrong_value_is_shown_unless_it_may_be_a_secret() -> None:
    assert show("ten") == '"ten"'
    assert show(None) == "nothing"
    assert show(True) == "true"
    assert show(1.5) == "1.5"
    assert show([1]) == "a list"
    assert show({"a": 1}) == "a map"
    for secret in ("sk-abc", "gsk_abc", "Bearer abc", "0123456789abcdefghij", "https://u:p@host"):
        assert show(secret) == "****"


def test_a_name_is_shown_unless_it_has_the_form_of_a_key() -> None:
    assert plain("claude-3-5-sonnet-20241022") == "claude-3-5-sonnet-20241022"
    assert plain("HF_TOKEN") == "HF_TOKEN"
    assert plain("sk-abc") == "****"
    assert plain("x" * 300) == f"{'x' * 200}…"
    assert show("x" * 100) == f'"{"x" * 60}…"'


def test_a_vault_scrubs_what_it_keeps_longest_first() -> None:
    vault = Vault()
    vault.keep("secret-1")
    vault.keep("secret-1-long\n")
    assert vault.scrub("a secret-1-long and secret-1") == "a **** and ****"
    assert "secret" not in repr(vault).replace("secrets", "")


def test_a_vault_leaves_ordinary_words_alone() -> None:
    vault = Vault()
    for dummy in ("ollama", "none", "anything"):
        vault.keep(dummy)
    assert vault.scrub("ollama has none of anything") == "ollama has none of anything"


def test_a_vault_masks_what_has_a_keys_form_and_drops_what_steers_a_terminal() -> None:
    assert Vault().scrub("\x1b[31mthe key sk-abcdef is wrong\x07") == "[31mthe key **** is wrong"


def test_hidden_values_are_there_and_never_in_a_repr() -> None:
    hidden = HiddenValues({"X-Key": "marked"})
    assert hidden["X-Key"] == "marked"
    assert repr(hidden) == "{'X-Key': '****'}"
