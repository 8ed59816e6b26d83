"""What a call says of the cache is heard, and told back where it makes no sense."""

from __future__ import annotations

import pytest

from pipelines.cache_controls import Controls, controls_of
from pipelines.cache_policy import CachePolicy
from pipelines.call import Call
from pipelines.errors import BadCall
from pipelines.exchange import Principal
from pipelines.operations import MODERATIONS
from tests.builders import a_body, a_call, a_principal

ON = CachePolicy(enabled=True, ttl=60)
USUAL = Controls(True, True, 60)


def wanted(call: Call, policy: CachePolicy = ON, principal: Principal | None = None) -> object:
    return controls_of(call, principal or a_principal(), policy)


def said(**controls: object) -> Call:
    return a_call(a_body(cache=controls))


def header(value: bytes) -> Call:
    return a_call(headers=[(b"cache-control", value)])


@pytest.mark.parametrize(
    "call, found",
    [
        (a_call(), USUAL),
        (a_call(a_body(cache=None)), USUAL),
        (said(**{"no-cache": True}), Controls(False, True, 60)),
        (said(**{"no-store": True}), Controls(True, False, 60)),
        (said(ttl=5), Controls(True, True, 5)),
        (said(ttl=0), Controls(True, False, 0)),
        (said(**{"s-maxage": 9}), Controls(True, True, 60, 9)),
        (said(namespace="n"), Controls(True, True, 60, None, "n")),
        (said(pacing=True), Controls(True, True, 60, pacing=True)),
        (header(b"No-Cache"), Controls(False, True, 60)),
        (header(b"no-store, max-age=0"), Controls(True, False, 60)),
        (header(b"s-maxage=30"), Controls(True, True, 30.0)),
        (header(b"no-cache, no-store"), None),
        (said(**{"no-cache": True, "no-store": True}), None),
        (a_call(a_body(caching=False)), None),
        (a_call(b'{"input":"a"}', MODERATIONS), None),
    ],
)
def test_a_call_is_heard(call: Call, found: Controls | None) -> None:
    assert wanted(call) == found


def test_the_cache_that_is_off_has_no_say() -> None:
    assert wanted(said(ttl="soon"), CachePolicy()) is None


def test_where_it_is_off_by_default_a_call_must_ask_for_it() -> None:
    policy = CachePolicy(enabled=True, default_on=False, ttl=60)
    assert wanted(a_call(), policy) is None
    assert wanted(said(**{"use-cache": True}), policy) == USUAL
    assert wanted(a_call(a_body(caching=True)), policy) == USUAL


def test_the_operators_word_for_a_key_stands_above_the_calls() -> None:
    principal = Principal("a", metadata={"cache": {"no-cache": True, "ttl": "odd"}})
    call = said(**{"no-cache": False, "ttl": 5})
    assert wanted(call, principal=principal) == Controls(False, True, 5)


@pytest.mark.parametrize(
    "name, value",
    [
        ("ttl", "soon"),
        ("ttl", -1),
        ("ttl", True),
        ("s-maxage", 1e99),
        ("no-cache", "yes"),
        ("namespace", 1),
        ("namespace", "n" * 201),
    ],
)
def test_what_makes_no_sense_is_told(name: str, value: object) -> None:
    with pytest.raises(BadCall, match=rf"cache\.{name}") as raised:
        wanted(said(**{name: value}))
    assert raised.value.param == "cache"


def test_a_cache_that_is_no_object_is_told() -> None:
    with pytest.raises(BadCall, match="must be an object"):
        wanted(a_call(a_body(cache="no")))
