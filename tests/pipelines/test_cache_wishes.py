"""A call's wishes are known before anything is looked up."""

from __future__ import annotations

import pytest

from pipelines.cache_policy import CachePolicy
from pipelines.cache_wishes import Wish, place_of, wish_of
from pipelines.call import Call
from pipelines.errors import BadCall
from pipelines.operations import RESPONSES
from tests.builders import a_body, a_call, a_principal, a_stream_call, an_exchange

ID = "stream_" + "0" * 32


def wished(call: Call, policy: CachePolicy | None = None) -> Wish | None:
    return wish_of(an_exchange(call, a_principal()), policy or CachePolicy(), events=True)


def test_a_plain_call_has_no_wish_where_nothing_is_on() -> None:
    assert wished(a_call()) is None


def test_a_call_has_a_key_where_the_cache_is_on() -> None:
    found = wished(a_stream_call(), CachePolicy(enabled=True))
    assert found is not None
    assert (found.form, len(found.key), found.name, found.digest) == ("stream", 64, "", "")


def test_a_call_that_is_one_of_a_kind_has_no_wish() -> None:
    call = a_call(a_body(input="a", previous_response_id="r"), RESPONSES)
    assert wished(call, CachePolicy(enabled=True)) is None


@pytest.mark.parametrize("value, found", [(b"true", True), (b"1", True), (b"false", False)])
def test_a_header_asks_for_a_stream_that_can_be_resumed(value: bytes, found: bool) -> None:
    headers = [(b"x-headgate-resumable", value)]
    wish = wished(a_call(a_body(stream=True), headers=headers), CachePolicy(resumable=True))
    assert (wish is not None and wish.resumable) is found
    assert wished(a_call(headers=headers)) is None


def test_an_idempotency_key_has_a_name_and_a_digest() -> None:
    found = wished(a_call(headers=[(b"idempotency-key", b"k")]))
    assert found is not None
    assert found.name.startswith("idempotent:")
    assert len(found.digest) == 64


def test_an_idempotency_key_that_is_too_long_is_refused() -> None:
    with pytest.raises(BadCall, match="255"):
        wished(a_call(headers=[(b"idempotency-key", b"k" * 256)]))


@pytest.mark.parametrize(
    "last, found",
    [(f"{ID}:7", (ID, 7)), (f" {ID}:0 ", (ID, 0)), (ID, None), ("42", None), (f"{ID}:-1", None)],
)
def test_the_place_in_a_stream_is_read(last: str, found: object) -> None:
    assert place_of(last) == found
