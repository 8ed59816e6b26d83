"""Where records of calls go, by LiteLLM's names."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.providers.credentials.sigv4 import AwsKeys
from proxy.config.sinks import KINDS, Bucket, bucket, hook
from proxy.config.tracing import NotUsable


def test_a_hook_has_litellms_variables() -> None:
    env = {
        "GENERIC_LOGGER_ENDPOINT": "https://logs.example/x",
        "GENERIC_LOGGER_HEADERS": "Authorization=Bearer marked,X-A=1",
    }
    found = hook(env, {})
    assert found.url == "https://logs.example/x"
    assert found.headers == {"Authorization": "Bearer marked", "X-A": "1"}
    assert found.form == "json_array"
    assert "marked" not in repr(found)


def test_what_is_given_wins_over_the_environment() -> None:
    env = {"GENERIC_LOGGER_ENDPOINT": "https://logs.example/x", "GENERIC_LOGGER_HEADERS": "X-A=1"}
    given = {"endpoint": "https://b.example", "headers": {"X-A": 2}, "log_format": "ndjson"}
    found = hook(env, given)
    assert (found.url, found.headers, found.form) == ("https://b.example", {"X-A": "2"}, "ndjson")
    assert hook(env, {"headers": "X-B=3", "log_format": "single"}).headers == {
        "X-A": "1",
        "X-B": "3",
    }


def test_a_bucket_has_litellms_parameters() -> None:
    given = {
        "s3_bucket_name": "logs",
        "s3_region_name": "eu-central-1",
        "s3_path": "/llm/",
        "s3_aws_access_key_id": "AKIA",
        "s3_aws_secret_access_key": "marked",
        "s3_use_team_prefix": True,
        "s3_server_side_encryption": "AES256",
    }
    found = bucket({}, given)
    assert found == Bucket(
        "logs",
        "eu-central-1",
        path="llm",
        keys=AwsKeys("AKIA", "marked"),
        by_team=True,
        headers={"x-amz-server-side-encryption": "AES256"},
    )
    assert found.base == "https://logs.s3.eu-central-1.amazonaws.com"
    assert "marked" not in repr(found)


def test_another_store_of_this_kind_has_its_own_address() -> None:
    given = {"s3_bucket_name": "logs", "s3_endpoint_url": "http://minio:9000/"}
    assert bucket({}, given).base == "http://minio:9000/logs"
    assert (
        bucket({}, {**given, "s3_use_virtual_hosted_style": True}).base == "http://logs.minio:9000"
    )


def test_region_and_keys_may_stand_in_the_environment() -> None:
    env = {"AWS_REGION": "us-west-2", "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "b"}
    found = bucket(env, {"s3_bucket_name": "logs"})
    assert (found.region, found.keys) == ("us-west-2", AwsKeys("A", "b"))
    assert bucket({}, {"s3_bucket_name": "logs"}).keys is None


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("webhook", {}, "GENERIC_LOGGER_ENDPOINT is not set"),
        ("webhook", {"endpoint": "nowhere"}, "is no address"),
        ("webhook", {"endpoint": "https://a.example", "log_format": "xml"}, "log_format"),
        ("s3", {}, "s3_bucket_name is not set"),
        ("s3", {"s3_bucket_name": "b", "s3_endpoint_url": "x"}, "s3_endpoint_url"),
        ("langfuse", {}, "LANGFUSE_PUBLIC_KEY is not set"),
    ],
)
def test_what_is_missing_is_told_by_its_name(kind: str, given: dict[str, Any], words: str) -> None:
    with pytest.raises(NotUsable, match=words):
        KINDS[kind]({}, given)
