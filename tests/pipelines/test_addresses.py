"""The address of a client is the peer's, unless the operator trusts a proxy."""

from __future__ import annotations

import pytest

from pipelines.addresses import Addresses, check_address, is_within, networks
from pipelines.errors import Forbidden
from pipelines.events import Headers

LOCAL = networks(["10.0.0.0/8"])


def forwarded(*values: str) -> Headers:
    return [(b"x-forwarded-for", value.encode()) for value in values]


def test_what_a_stranger_says_of_himself_is_not_believed() -> None:
    assert Addresses().client("1.2.3.4", forwarded("10.0.0.1")) == "1.2.3.4"
    trusting = Addresses(forwarded=True, proxies=LOCAL)
    assert trusting.client("1.2.3.4", forwarded("10.0.0.1")) == "1.2.3.4"


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (["8.8.8.8"], "8.8.8.8"),
        (["9.9.9.9, 8.8.8.8"], "8.8.8.8"),
        (["9.9.9.9", "8.8.8.8, 10.0.0.7"], "8.8.8.8"),
        (["10.0.0.7"], "10.0.0.1"),
        (["8.8.8.8, rubbish"], "10.0.0.1"),
        ([""], "10.0.0.1"),
        ([], "10.0.0.1"),
    ],
)
def test_a_known_proxy_tells_the_nearest_stranger(said: list[str], wanted: str) -> None:
    trusting = Addresses(forwarded=True, proxies=LOCAL)
    assert trusting.client("10.0.0.1", forwarded(*said)) == wanted


def test_without_a_list_of_proxies_the_last_hop_counts() -> None:
    trusting = Addresses(forwarded=True)
    assert trusting.client("1.2.3.4", forwarded("6.6.6.6, 8.8.8.8")) == "8.8.8.8"


def test_an_address_within_another_form_is_the_same() -> None:
    assert is_within("::ffff:10.1.2.3", LOCAL)
    assert not is_within("unix", LOCAL)
    assert is_within("fd00::1", networks(["fd00::/8"]))


def test_every_list_must_hold_the_address() -> None:
    check_address("10.0.0.1", (), LOCAL)
    with pytest.raises(Forbidden, match=r"IP address 11\.0\.0\.1 not allowed") as refused:
        check_address("11.0.0.1", (), LOCAL)
    assert (refused.value.status, refused.value.param) == (403, None)
    with pytest.raises(Forbidden):
        check_address("", LOCAL)


def test_a_range_that_is_none_is_said() -> None:
    with pytest.raises(ValueError, match="rubbish"):
        networks(["rubbish"])
