"""Receivers of spans are found by the names that their own documents and LiteLLM use."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from proxy.config.schema import LitellmSettings
from proxy.config.tracing import (
    NotUsable,
    Receiver,
    hands_on_traces,
    langfuse,
    langsmith,
    otel,
    pairs,
)

Reader = Callable[[Mapping[str, str], Mapping[str, Any]], Receiver]
FUSE = {"LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "sk-lf-2"}
SMITH = {"LANGSMITH_API_KEY": "lsv2-3"}


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "http://c:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/"}, "http://c:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://c/otlp"}, "https://c/otlp/v1/traces"),
        ({"OTEL_ENDPOINT": "https://api.honeycomb.io/v1/traces"},
         "https://api.honeycomb.io/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://c/own"}, "https://c/own"),
    ],
)  # fmt: skip
def test_a_collectors_address_is_completed_as_opentelemetry_does(
    env: dict[str, str], url: str
) -> None:
    assert otel(env).url == url


def test_a_collectors_other_variables_are_read() -> None:
    found = otel(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://c",
            "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b,x-team = red",
            "OTEL_SERVICE_NAME": "gate",
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=other,deployment.environment.name=test",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": "0.25",
            "OTEL_BSP_SCHEDULE_DELAY": "500",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "64",
            "OTEL_BSP_MAX_QUEUE_SIZE": "1000",
        }
    )
    assert found.headers == {"api-key": "a b", "x-team": "red"}
    assert found.service == "gate"
    assert found.resource["deployment.environment.name"] == "test"
    assert (found.compress, found.patience, found.sample, found.follows) == (True, 2.5, 0.25, True)
    assert (found.every, found.batch, found.most) == (0.5, 64, 1000)


def test_a_collectors_defaults() -> None:
    found = otel({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://c"})
    assert (found.service, found.headers, found.sample, found.follows) == ("headgate", {}, 1, True)
    named = {"OTEL_RESOURCE_ATTRIBUTES": "service.name=mine"}
    assert otel({"OTEL_ENDPOINT": "https://c", **named}).service == "mine"
    assert otel({"OTEL_ENDPOINT": "https://c", "OTEL_TRACES_SAMPLER": "always_off"}).sample == 0
    assert not otel({"OTEL_ENDPOINT": "https://c"}, {"message_logging": False}).telling
    environment = otel({"OTEL_ENDPOINT": "https://c", "OTEL_ENVIRONMENT_NAME": "lab"})
    assert environment.resource == {"deployment.environment.name": "lab"}


def test_langfuse_is_reached_by_its_keys() -> None:
    found = langfuse({**FUSE, "LANGFUSE_HOST": "http://fuse:3000/"}, {})
    assert found.url == "http://fuse:3000/api/public/otel/v1/traces"
    word = base64.b64encode(b"pk-lf-1:sk-lf-2").decode()
    assert found.headers == {
        "Authorization": f"Basic {word}",
        "x-langfuse-ingestion-version": "4",
    }
    assert langfuse(FUSE).url == "https://cloud.langfuse.com/api/public/otel/v1/traces"
    assert langfuse({**FUSE, "LANGFUSE_HOST": "us.cloud.langfuse.com"}).url.startswith("https://us")
    whole = {**FUSE, "LANGFUSE_OTEL_HOST": "https://x/api/public/otel"}
    assert langfuse(whole).url == "https://x/api/public/otel/v1/traces"


def test_the_configuration_wins_over_the_environment() -> None:
    given = {
        "langfuse_public_key": "pk-own",
        "langfuse_secret": "sk-own",
        "langfuse_host": "https://own",
        "langfuse_default_tags": ["a"],
    }
    found = langfuse(FUSE, given)
    assert found.url.startswith("https://own/")
    assert base64.b64decode(found.headers["Authorization"].split()[1]) == b"pk-own:sk-own"
    assert found.tags == ("a",)


def test_langsmith_is_reached_by_its_key_and_project() -> None:
    found = langsmith({**SMITH, "LANGSMITH_PROJECT": "p", "LANGSMITH_TENANT_ID": "t"})
    assert found.url == "https://api.smith.langchain.com/otel/v1/traces"
    assert found.headers == {"x-api-key": "lsv2-3", "Langsmith-Project": "p", "X-Tenant-Id": "t"}
    older = {"LANGCHAIN_API_KEY": "k", "LANGCHAIN_ENDPOINT": "https://own/api/v1/"}
    assert langsmith(older).url == "https://own/api/v1/otel/v1/traces"
    given = {"langsmith_project": "q", "langsmith_sampling_rate": 0.5, "langsmith_batch_size": 10}
    found = langsmith(SMITH, given)
    assert (found.headers["Langsmith-Project"], found.sample, found.batch) == ("q", 0.5, 10)


@pytest.mark.parametrize(
    ("read", "env", "word"),
    [
        (otel, {}, "OTEL_EXPORTER_OTLP_ENDPOINT is not set"),
        (otel, {"OTEL_ENDPOINT": "http://c:4317"}, "gRPC"),
        (otel, {"OTEL_ENDPOINT": "https://c", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "protobuf"),
        (otel, {"OTEL_ENDPOINT": "ftp://c"}, "no address"),
        (otel, {"OTEL_ENDPOINT": "http://[::1"}, "no address"),
        (otel, {"OTEL_ENDPOINT": "https://c", "OTEL_BSP_SCHEDULE_DELAY": "soon"}, "no number"),
        (langfuse, {"LANGFUSE_PUBLIC_KEY": "a"}, "LANGFUSE_SECRET_KEY is not set"),
        (langfuse, {**FUSE, "LANGFUSE_SAMPLE_RATE": "2"}, "between 0 and 1"),
        (langsmith, {}, "LANGSMITH_API_KEY is not set"),
        (langsmith, {**SMITH, "LANGSMITH_BASE_URL": "https://"}, "no address"),
    ],
)
def test_what_is_missing_or_wrong_is_told_by_its_name(
    read: Reader, env: dict[str, str], word: str
) -> None:
    with pytest.raises(NotUsable, match=word):
        read(env, {})


def test_no_secret_is_shown() -> None:
    shown = repr(langfuse(FUSE)) + repr(langsmith(SMITH))
    word = base64.b64encode(b"pk-lf-1:sk-lf-2").decode()
    assert not any(secret in shown for secret in (word, "sk-lf-2", "lsv2-3"))


def test_pairs_that_are_none_are_left_out() -> None:
    assert pairs("a=1, b = 2 ,c,=d,,e=f=g") == {"a": "1", "b": "2", "e": "f=g"}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, False),
        ({"forward_traceparent_to_llm_provider": True}, True),
        ({"callbacks": ["prometheus", "otel"]}, True),
        ({"success_callback": "otel"}, True),
        ({"failure_callback": ["langfuse"]}, False),
        ({"callbacks": ["otel"], "forward_traceparent_to_llm_provider": False}, False),
    ],
)
def test_traces_are_handed_on_where_a_collector_sees_them(
    given: dict[str, Any], wanted: bool
) -> None:
    assert hands_on_traces(LitellmSettings(**given)) is wanted
