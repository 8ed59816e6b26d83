"""The key is looked for where LiteLLM looks for it, in its order."""

from __future__ import annotations

import pytest

from pipelines.errors import Unauthenticated
from pipelines.events import Headers
from pipelines.keys import presented_secret, refusal

IN_ORDER: Headers = [
    (b"x-litellm-api-key", b"one"),
    (b"authorization", b"Bearer two"),
    (b"api-key", b"three"),
    (b"x-api-key", b"four"),
    (b"x-goog-api-key", b"five"),
    (b"ocp-apim-subscription-key", b"six"),
]
SECRETS = ["one", "two", "three", "four", "five", "six"]


@pytest.mark.parametrize("skipped", range(6))
def test_the_first_header_of_the_order_wins(skipped: int) -> None:
    left = IN_ORDER[skipped:]
    assert presented_secret(left) == presented_secret(left[::-1]) == SECRETS[skipped]


def test_no_header_is_no_key() -> None:
    assert presented_secret([]) is None
    assert presented_secret([(b"x-other", b"1"), (b"cookie", b"key=1")]) is None


@pytest.mark.parametrize("value", [b"Bearer k", b"bearer k", b"BEARER k", b"Bearer   k  "])
def test_the_word_bearer_may_be_written_as_one_likes(value: bytes) -> None:
    assert presented_secret([(b"authorization", value)]) == "k"


@pytest.mark.parametrize("value", [b"k", b"Basic dTpw", b"sk-k", b"Bearer", b"Token k"])
def test_an_authorization_of_another_kind_is_refused_or_empty(value: bytes) -> None:
    if value == b"Bearer":
        assert presented_secret([(b"authorization", value)]) is None
        return
    with pytest.raises(Unauthenticated) as raised:
        presented_secret([(b"authorization", value), (b"api-key", b"good")])
    assert raised.value.message.startswith("Authentication Error, Malformed API Key passed in.")
    assert "`Bearer `" in raised.value.message
    assert "dTpw" not in raised.value.message


def test_the_own_header_may_have_the_word_and_need_not() -> None:
    assert presented_secret([(b"x-litellm-api-key", b"Bearer k")]) == "k"
    assert presented_secret([(b"x-litellm-api-key", b"k")]) == "k"


def test_another_own_header_takes_the_place_of_litellms() -> None:
    headers: Headers = [(b"x-acme", b"acme"), *IN_ORDER]
    assert presented_secret(headers, b"x-acme") == "acme"
    assert presented_secret(IN_ORDER, b"x-acme") == "two"


@pytest.mark.parametrize("name", [name for name, _ in IN_ORDER])
def test_an_empty_header_is_none_at_all(name: bytes) -> None:
    assert presented_secret([(name, b"")]) is None
    assert presented_secret([(name, b""), (b"ocp-apim-subscription-key", b"k")]) in ("k", None)


def test_an_empty_header_gives_way_to_the_next() -> None:
    assert presented_secret([(b"x-litellm-api-key", b""), (b"authorization", b"Bearer k")]) == "k"
    assert presented_secret([(b"authorization", b""), (b"api-key", b"k")]) == "k"
    assert presented_secret([(b"api-key", b""), (b"x-api-key", b"k")]) == "k"


def test_of_one_header_sent_twice_the_first_counts() -> None:
    assert presented_secret([(b"api-key", b"first"), (b"api-key", b"second")]) == "first"


def test_a_key_of_any_bytes_is_text() -> None:
    assert presented_secret([(b"api-key", b"\xe4\xff")]) == "äÿ"


def test_a_stranger_is_told_which_of_the_two_it_is() -> None:
    nothing, wrong = refusal(None), refusal("sk-wrong")
    assert nothing.message == "Authentication Error, No api key passed in."
    assert (nothing.code, nothing.param) == (None, None)
    assert wrong.message == "Authentication Error, Invalid API key provided."
    assert (wrong.code, wrong.param) == ("invalid_api_key", "key")
    assert refusal(None).code is None
