"""Which callbacks there are."""

from __future__ import annotations

import pytest

from proxy.config.callbacks import HOSTS, CallbackSettings, canonical, quieted
from proxy.config.sinks import Bucket, Hook
from proxy.config.tracing import Receiver
from tests.proxy.config.builders import ENV, said, with_sections

KEYS = {
    **ENV,
    "LANGFUSE_PUBLIC_KEY": "pk-lf-1",
    "LANGFUSE_SECRET_KEY": "sk-lf-marked-0123456789",
    "LANGSMITH_API_KEY": "lsv2-marked-0123456789",
    "GENERIC_LOGGER_ENDPOINT": "https://logs.example/marked-part",
}


def section(text: str) -> str:
    return f"litellm_settings: {{{text}}}\n"


def test_there_is_none_unless_it_is_asked_for() -> None:
    assert with_sections("", KEYS).callbacks == CallbackSettings()


def test_names_become_sinks_for_the_calls_that_they_are_for() -> None:
    text = "success_callback: [langfuse], failure_callback: [langfuse, webhook],"
    settings = with_sections(section(f"{text} callbacks: [langsmith]"), KEYS)
    found = [(one.name, one.successes, one.failures) for one in settings.callbacks.all]
    assert sorted(found) == [
        ("langfuse", True, True),
        ("langsmith", True, True),
        ("webhook", False, True),
    ]
    assert said(settings, "warning") == ""


def test_one_name_need_not_be_a_list_and_what_is_always_there_is_no_callback() -> None:
    settings = with_sections(section("callbacks: prometheus, success_callback: generic_api"), KEYS)
    [one] = settings.callbacks.all
    assert (one.name, one.successes, one.failures) == ("webhook", True, False)
    assert said(settings, "warning") == ""


def test_keys_of_the_file_win_over_variables() -> None:
    text = "callbacks: [langfuse], langfuse_host: 'https://lf.example', langfuse_public_key: pk-2"
    settings = with_sections(section(text), KEYS)
    [one] = settings.callbacks.all
    assert isinstance(one.sink, Receiver)
    assert one.sink.url.startswith("https://lf.example/")
    assert settings.callbacks.hosts == HOSTS | {"lf.example"}


def test_a_bucket_has_its_own_parameters() -> None:
    text = "success_callback: [s3], s3_callback_params: {s3_bucket_name: logs, s3_path: p}"
    [one] = with_sections(section(text), KEYS).callbacks.all
    assert isinstance(one.sink, Bucket)
    assert (one.sink.name, one.sink.path) == ("logs", "p")


def test_a_callback_can_be_given_a_name_and_settings_of_its_own() -> None:
    text = section("callbacks: [my_logs]") + (
        "callback_settings: {my_logs: {callback_type: generic_api, endpoint: 'https://b.example',"
        " log_format: ndjson}}\nheadgate_settings: {webhook_secret: marked-secret}\n"
    )
    [one] = with_sections(text, KEYS).callbacks.all
    assert isinstance(one.sink, Hook)
    assert (one.sink.form, one.sink.secret) == ("ndjson", "marked-secret")


def test_secrets_are_in_no_text() -> None:
    settings = with_sections(section("callbacks: [langfuse, langsmith, webhook]"), KEYS)
    assert "marked" not in repr(settings.callbacks)
    words = "lsv2-marked-0123456789 https://logs.example/marked-part"
    assert "marked" not in settings.secrets.scrub(words)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("langfuze", "is not known here"),
        ("datadog", "OTLP"),
        ("my_module.my_instance", "no Python of others"),
        ("otel", "OTEL_EXPORTER_OTLP_ENDPOINT is not set"),
        ("s3", "s3_bucket_name is not set"),
    ],
)
def test_what_cannot_be_used_is_told_and_left_out(name: str, words: str) -> None:
    settings = with_sections(section(f"callbacks: [{name}]"), KEYS)
    assert words in said(settings, "warning")
    assert settings.callbacks.all == ()
    assert said(settings, "error") == ""


def test_what_is_no_name_is_told() -> None:
    assert "expected the name" in said(with_sections(section("callbacks: [1]"), KEYS), "warning")


def test_spellings_of_one_callback_have_one_name() -> None:
    names = [canonical(one) for one in ("langfuse_otel", "s3_v2", "generic_api", "other")]
    assert names == ["langfuse", "s3", "webhook", "other"]


def test_further_hosts_can_be_named_for_keys_and_teams() -> None:
    settings = with_sections("headgate_settings: {callback_hosts: [LF.example]}\n", KEYS)
    assert settings.callbacks.hosts == HOSTS | {"lf.example"}


def test_a_sink_can_be_told_no_texts() -> None:
    assert not quieted(Hook("https://a.example")).telling
