"""Callbacks of keys and teams use nothing of the gateway's, and go where they may."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.config.callbacks import HOSTS, CallbackSettings
from proxy.config.own_callbacks import WAITING, merged, own_callbacks
from proxy.config.sinks import Bucket, Sink
from proxy.config.tracing import Receiver

SETTINGS = CallbackSettings(hosts=HOSTS | {"lf.example"})
LANGFUSE = {"langfuse_public_key": "pk-1", "langfuse_secret": "marked-1"}


def entry(name: str = "langfuse", kind: str | None = None, **given: Any) -> dict[str, Any]:
    one: dict[str, Any] = {"callback_name": name, "callback_vars": given}
    return one if kind is None else {**one, "callback_type": kind}


def sink(**given: Any) -> Sink:
    [one], problems = own_callbacks({"logging": [entry(**given)]}, SETTINGS)
    assert problems == []
    return one.callback.sink


@pytest.mark.parametrize(
    ("kind", "successes", "failures"),
    [
        ("success", True, False),
        ("failure", False, True),
        ("success_and_failure", True, True),
        (None, True, True),
    ],
)
def test_a_key_has_callbacks_as_litellm_writes_them(
    kind: str | None, successes: bool, failures: bool
) -> None:
    [one], problems = own_callbacks({"logging": [entry(kind=kind, **LANGFUSE)]}, SETTINGS)
    assert problems == []
    found = one.callback
    assert (found.name, found.successes, found.failures) == ("langfuse", successes, failures)
    assert isinstance(found.sink, Receiver)
    assert found.sink.url == "https://cloud.langfuse.com/api/public/otel/v1/traces"
    assert found.sink.most == WAITING
    assert "marked" not in repr(one)


def test_a_team_may_have_them_in_its_settings() -> None:
    settings = {
        "success_callback": ["langfuse", "langsmith"],
        "failure_callback": ["langsmith"],
        "callback_vars": {**LANGFUSE, "langsmith_api_key": "k"},
    }
    found, _ = own_callbacks({"callback_settings": settings}, SETTINGS)
    names = [(one.callback.name, one.callback.failures) for one in found]
    assert names == [("langfuse", False), ("langsmith", True)]


def test_the_operators_hosts_are_the_default_and_further_ones_are_allowed() -> None:
    settings = CallbackSettings(
        hosts=SETTINGS.hosts, places={"LANGFUSE_HOST": "https://lf.example"}
    )
    [one], _ = own_callbacks({"logging": [entry(**LANGFUSE)]}, settings)
    assert isinstance(one.callback.sink, Receiver)
    assert one.callback.sink.url.startswith("https://lf.example/")
    assert isinstance(sink(**LANGFUSE, langfuse_host="https://lf.example"), Receiver)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({**LANGFUSE, "langfuse_host": "http://169.254.169.254"}, "callback_hosts"),
        (
            {**LANGFUSE, "langfuse_host": "https://cloud.langfuse.com@evil.example"},
            "callback_hosts",
        ),
        ({**LANGFUSE, "langfuse_secret": "os.environ/LITELLM_MASTER_KEY"}, "the value itself"),
        ({"langfuse_public_key": "pk"}, "LANGFUSE_SECRET_KEY"),
        ({"name": "webhook", "endpoint": "https://evil.example"}, "callback_hosts"),
        ({"name": "s3", "s3_bucket_name": "b"}, "s3_aws_access_key_id"),
        ({"name": "s3", "s3_bucket_name": "b", "s3_endpoint_url": "http://redis:6379"}, "hosts"),
        ({"name": "s3", "s3_bucket_name": "evil.example/x?"}, "hosts"),
        ({"name": "lagoon"}, "is not known"),
    ],
)
def test_what_is_not_allowed_is_left_out(given: dict[str, Any], words: str) -> None:
    found, [problem] = own_callbacks({"logging": [entry(**given)]}, SETTINGS)
    assert found == []
    assert words in problem
    assert "marked" not in problem


def test_a_bucket_of_amazon_needs_keys_of_its_own() -> None:
    own = {"s3_aws_access_key_id": "a", "s3_aws_secret_access_key": "b"}
    assert isinstance(sink(name="s3", s3_bucket_name="b", **own), Bucket)


def test_texts_can_be_turned_off() -> None:
    assert not sink(**LANGFUSE, turn_off_message_logging="true").telling
    assert sink(**LANGFUSE, turn_off_message_logging=False).telling


@pytest.mark.parametrize(
    "metadata", [{}, {"logging": "x"}, {"logging": [1]}, {"callback_settings": 7}]
)
def test_what_is_no_callback_is_none(metadata: dict[str, Any]) -> None:
    assert own_callbacks(metadata, SETTINGS) == ([], [])


def test_equal_ones_have_one_id_and_the_key_wins_over_the_team() -> None:
    key, again = (own_callbacks({"logging": [entry(**LANGFUSE)]}, SETTINGS)[0] for _ in "ab")
    other, _ = own_callbacks({"logging": [entry(**{**LANGFUSE, "langfuse_secret": "2"})]}, SETTINGS)
    assert key[0].id == again[0].id != other[0].id
    assert merged(key, other) == tuple(key)
