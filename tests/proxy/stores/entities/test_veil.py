"""The credentials of callbacks are shown to nobody."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.stores.entities.veil import veiled


def test_a_credential_of_a_callback_is_masked_and_the_rest_is_not() -> None:
    one = {"langfuse_secret_key": "sk-lf-1", "langfuse_host": "https://lf.example"}
    metadata = {"logging": [{"callback_name": "langfuse", "callback_vars": one}], "team": "red"}
    shown = {"langfuse_secret_key": "****", "langfuse_host": "https://lf.example"}
    assert veiled(metadata) == {
        "logging": [{"callback_name": "langfuse", "callback_vars": shown}],
        "team": "red",
    }


@pytest.mark.parametrize("value", [{}, {"a": [1, {"b": None}]}, None, "text", 3])
def test_what_holds_no_callback_stays_as_it_is(value: Any) -> None:
    assert veiled(value) == value


def test_variables_that_are_no_map_are_masked_whole() -> None:
    assert veiled({"callback_vars": "sk-1"}) == {"callback_vars": "****"}


def test_headers_and_addresses_of_a_webhook_are_masked() -> None:
    given = {"endpoint": "https://h/x?token=S3", "headers": {"Authorization": "Bearer S3"}}
    assert veiled({"callback_vars": given}) == {
        "callback_vars": {"endpoint": "****", "headers": "****"}
    }
