"""A reply's headers name the call and who answered it; of the provider's a few pass, made safe."""

from __future__ import annotations

import time

import pytest

from pipelines.errors import BadCall, ConnectFailed, Denied, Overloaded, UpstreamFailed
from pipelines.events import Media
from pipelines.exchange import Exchange, RateState
from pipelines.operations import MESSAGES
from proxy import __version__
from proxy.http.headers import call_headers, error_headers, reply_headers
from tests.builders import a_call, a_deployment, an_exchange

VERSION = (b"x-litellm-version", __version__.encode())


def tried(*deployments: tuple[str, str], fallbacks: int = 0) -> Exchange:
    exchange = an_exchange()
    for name, group in deployments:
        exchange.attempt(a_deployment(name, group), 1.0)
    exchange.fallbacks = fallbacks
    return exchange


def test_a_call_that_reached_nobody_has_its_id_alone() -> None:
    assert call_headers(an_exchange()) == [(b"x-litellm-call-id", b"call-1"), VERSION]


def test_a_call_names_who_answered_it_after_how_many_tries() -> None:
    exchange = tried(("d1", "gpt"), ("d2", "gpt"), ("d3", "spare"), fallbacks=1)
    exchange.effort = (2, 600.0)
    assert call_headers(exchange) == [
        (b"x-litellm-call-id", b"call-1"),
        (b"x-litellm-model-id", b"d3"),
        (b"x-litellm-model-group", b"spare"),
        (b"x-litellm-model-name", b"acme/spare"),
        (b"x-litellm-model-api-base", b"https://acme.example"),
        (b"x-litellm-attempted-retries", b"1"),
        (b"x-litellm-attempted-fallbacks", b"1"),
        (b"x-litellm-max-retries", b"2"),
        (b"x-litellm-timeout", b"600"),
        VERSION,
    ]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://user:sk-1@acme.example:8443/v1/sk-2?key=sk-3", b"https://acme.example:8443"),
        ("https://acme.example:port", None),
        ("nonsense", None),
    ],
)
def test_of_a_providers_address_only_the_host_is_shown(address: str, shown: bytes | None) -> None:
    exchange = an_exchange(deployment=a_deployment("d1", base_url=address))
    assert dict(call_headers(exchange)).get(b"x-litellm-model-api-base") == shown


def test_a_whole_reply_tells_its_cost_and_a_stream_does_not() -> None:
    exchange = tried(("d1", "gpt"))
    exchange.cost = 28_500
    name = b"x-litellm-response-cost"
    assert dict(reply_headers(exchange, Media.JSON, []))[name] == b"2.85e-05"
    assert name not in dict(reply_headers(exchange, Media.SSE, []))


def test_a_reply_tells_how_long_the_gateway_took_itself() -> None:
    exchange = tried(("d1", "gpt"))
    exchange.attempts[0].first_byte = time.monotonic()
    exchange.attempts[0].started = exchange.arrived + 0.002
    found = dict(reply_headers(exchange, Media.SSE, []))
    assert 2.0 <= float(found[b"x-litellm-overhead-duration-ms"]) < 1000


def test_what_the_cache_says_is_told_where_there_is_one() -> None:
    exchange = an_exchange()
    exchange.cache, exchange.cache_key = "hit", "k1"
    found = dict(call_headers(exchange))
    assert (found[b"x-headgate-cache"], found[b"x-litellm-cache-key"]) == (b"hit", b"k1")


def test_a_client_is_told_not_to_send_again_what_is_hopeless() -> None:
    error = UpstreamFailed("no")
    assert (b"x-should-retry", b"false") not in error_headers(error)
    error.hopeless = True
    assert (b"x-should-retry", b"false") in error_headers(error)


def test_losses_are_told_in_a_header_of_their_own() -> None:
    exchange = tried(("d1", "gpt"))
    exchange.losses = ["dropped:seed", "clamped:temperature"]
    found = dict(call_headers(exchange))
    assert found[b"x-headgate-lossy"] == b"dropped:seed, clamped:temperature"


def test_one_that_was_asked_beside_another_is_no_retry() -> None:
    exchange = tried(("d1", "g"), ("d2", "g"))
    exchange.attempts[0].kind = "hedge"
    assert (b"x-litellm-attempted-retries", b"0") in call_headers(exchange)


def test_a_count_of_retries_is_never_negative() -> None:
    assert (b"x-litellm-attempted-retries", b"0") in call_headers(tried(("d1", "g"), fallbacks=3))


def test_names_cannot_break_out_of_their_header() -> None:
    exchange = tried(("d1\r\nset-cookie: a=b", "gpt\x00\x1b[31m\x7f\tü"))
    found = dict(call_headers(exchange))
    assert found[b"x-litellm-model-id"] == b"d1set-cookie: a=b"
    assert found[b"x-litellm-model-group"] == b"gpt[31m\t" + "ü".encode()


def test_the_next_call_gets_no_headers_of_the_one_before() -> None:
    first = reply_headers(tried(("d1", "gpt")), Media.SSE, [(b"x-request-id", b"r1")])
    first.append((b"x-mine", b"1"))
    second = reply_headers(tried(("d1", "gpt")), Media.SSE, [])
    assert (b"x-mine", b"1") not in second
    assert b"llm_provider-x-request-id" not in dict(second)
    assert len(dict(second)) == len(second)


def test_a_stream_is_neither_cached_nor_buffered_on_its_way() -> None:
    found = dict(reply_headers(an_exchange(), Media.SSE, []))
    assert found[b"content-type"] == b"text/event-stream"
    assert found[b"cache-control"] == b"no-cache"
    assert found[b"x-accel-buffering"] == b"no"


def test_a_document_is_json_whatever_the_provider_called_it() -> None:
    upstream = [(b"content-type", b"text/plain; charset=latin-1")]
    found = reply_headers(an_exchange(), Media.JSON, upstream)
    assert [pair for pair in found if pair[0] == b"content-type"] == [
        (b"content-type", b"application/json")
    ]


def test_plain_bytes_keep_the_type_that_the_provider_gave_them() -> None:
    upstream = [(b"content-type", b"audio/mpeg")]
    assert dict(reply_headers(an_exchange(), Media.BINARY, upstream))[b"content-type"] == (
        b"audio/mpeg"
    )


def test_of_the_providers_headers_only_listed_ones_pass_under_a_prefix() -> None:
    upstream = [
        (b"x-request-id", b"req_1"),
        (b"x-ratelimit-remaining-tokens", b"99"),
        (b"set-cookie", b"session=1"),
        (b"server", b"nginx"),
        (b"location", b"http://elsewhere.example"),
        (b"content-length", b"12"),
        (b"content-encoding", b"gzip"),
        (b"authorization", b"Bearer sk-secret"),
        (b"x-litellm-call-id", b"forged"),
        (b"access-control-allow-origin", b"*"),
    ]
    found = reply_headers(an_exchange(), Media.JSON, upstream)
    assert found == [
        (b"x-litellm-call-id", b"call-1"),
        VERSION,
        (b"content-type", b"application/json"),
        (b"llm_provider-x-request-id", b"req_1"),
        (b"llm_provider-x-ratelimit-remaining-tokens", b"99"),
    ]


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: x", b"a\nb", b"\x00a", b"a\x1b[2J"])
@pytest.mark.parametrize("media", list(Media))
def test_a_provider_cannot_inject_a_header(media: Media, value: bytes) -> None:
    upstream = [(b"x-request-id", value), (b"content-type", value)]
    for _, text in reply_headers(an_exchange(), media, upstream):
        assert not set(text) & {0, 10, 13, 27}


def test_a_wait_is_told_in_whole_seconds_and_never_too_short() -> None:
    for wait, told in ((7.0, b"7"), (0.2, b"1"), (6.001, b"7"), (0.0, b"0")):
        headers = dict(error_headers(Overloaded("busy", 429, wait)))
        assert headers[b"retry-after"] == told


def test_an_error_without_a_wait_names_none() -> None:
    assert error_headers(BadCall("bad")) == [(b"content-type", b"application/json")]
    assert error_headers(ConnectFailed("no")) == [(b"content-type", b"application/json")]


def test_a_refused_credential_of_ours_is_not_worth_the_sdks_retries() -> None:
    assert (b"x-should-retry", b"false") in error_headers(Denied("no"))


def test_a_limited_caller_is_told_what_is_left() -> None:
    exchange = tried(("d1", "gpt"))
    exchange.requests, exchange.tokens = RateState(10, 3, 60), RateState(1000, 0, 60)
    found = dict(call_headers(exchange))
    assert found[b"x-ratelimit-limit-requests"] == b"10"
    assert found[b"x-ratelimit-remaining-requests"] == b"3"
    assert found[b"x-ratelimit-remaining-tokens"] == b"0"
    assert found[b"x-ratelimit-reset-tokens"] == b"60s"


def test_a_call_has_its_id_also_under_the_name_that_its_clients_sdk_reads() -> None:
    raw = b'{"model":"gpt","messages":[],"max_tokens":1}'
    exchange = an_exchange(a_call(raw, MESSAGES))
    assert call_headers(exchange) == [
        (b"x-litellm-call-id", b"call-1"),
        (b"request-id", b"call-1"),
        VERSION,
    ]
