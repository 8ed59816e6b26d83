"""What the running gateway is given."""

from __future__ import annotations

import pytest

from pipelines.routing.routes import Routes
from proxy.config.settings import Settings, check_bind, weakness

KEY = "sk-0123456789abcdef0123"


def some_settings(master_key: str | None = None, permit_weak_key: bool = False) -> Settings:
    return Settings(
        source="a.yaml",
        routes=Routes(()),
        master_key=master_key,
        permit_weak_key=permit_weak_key,
        environment={"SECRET": "marked-1"},
        key_hints={"1": "marked-2"},
    )


def test_the_defaults_are_those_of_the_documents() -> None:
    settings = some_settings()
    names = [stage.name for stage in settings.stages]
    assert names == [
        "auth", "conversation", "budget", "cache", "route", "translate", "stream", "log"
    ]  # fmt: skip
    assert settings.max_body_bytes == 32 * 1024 * 1024
    times = (settings.connect_timeout, settings.keep_alive, settings.drain_timeout)
    assert times == (10, 75, 120)


def test_no_secret_is_in_the_repr() -> None:
    assert "marked" not in repr(some_settings("marked-master-key"))


@pytest.mark.parametrize("key", ["sk-1234", "SK-1234", "changeme-changeme", "short", "x" * 15])
def test_a_master_key_that_can_be_guessed_is_weak(key: str) -> None:
    assert weakness(key) is not None


def test_a_long_master_key_of_ones_own_is_fit() -> None:
    assert weakness(KEY) is None


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST", "::ffff:127.0.0.1"]
)
def test_without_a_key_this_machine_may_be_bound(host: str) -> None:
    assert check_bind(some_settings(), host) is None


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.168.1.5", "example.org", "fe80::1%eth0"]
)
def test_without_a_key_no_other_address_may_be_bound(host: str) -> None:
    problem = check_bind(some_settings(), host)
    assert problem is not None
    assert problem.level == "error"
    assert "HEADGATE_MASTER_KEY" in problem.message
    assert check_bind(some_settings(KEY), host) is None


def test_who_insists_is_only_warned() -> None:
    problem = check_bind(some_settings(permit_weak_key=True), "0.0.0.0")
    assert problem is not None
    assert problem.level == "warning"
