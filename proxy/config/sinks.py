"""Decides where records of calls go, by the name of a callback.

The rule: the names, keys and variables are LiteLLM's; what cannot be used is told by its name and
never by a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from pipelines.providers.credentials.sigv4 import AwsKeys
from proxy.config.alerting import is_address
from proxy.config.environment import first_set
from proxy.config.tracing import NotUsable, Receiver, langfuse, langsmith, otel, pairs

Form = Literal["json_array", "ndjson", "single"]

HOOK_URL = "GENERIC_LOGGER_ENDPOINT"
HOOK_HEADERS = "GENERIC_LOGGER_HEADERS"
REGIONS = ("AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION")


@dataclass(frozen=True, slots=True)
class Hook:
    """An address that takes records as JSON, signed where there is a `secret`."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Form = "json_array"
    secret: str | None = field(default=None, repr=False)
    telling: bool = True


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of S3 or its likes, below `path`; without `keys` the usual chain finds them.
    `batches` are objects of many calls, one a line, instead of one object a call."""

    name: str
    region: str
    endpoint: str = ""
    path: str = ""
    keys: AwsKeys | None = None
    by_team: bool = False
    by_key: bool = False
    hosted: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    batches: bool = False
    telling: bool = True

    @property
    def base(self) -> str:
        """The address of the bucket."""
        if not self.endpoint:
            return f"https://{self.name}.s3.{self.region}.amazonaws.com"
        if self.hosted:
            scheme, _, host = self.endpoint.partition("://")
            return f"{scheme}://{self.name}.{host}"
        return f"{self.endpoint}/{self.name}"


Sink = Receiver | Hook | Bucket


def hook(env: Mapping[str, str], given: Mapping[str, Any]) -> Hook:
    """LiteLLM's generic API. Raises NotUsable."""
    url = _text(given.get("endpoint") or given.get("url")) or env.get(HOOK_URL, "").strip()
    if not url:
        raise NotUsable(f"{HOOK_URL} is not set")
    if not is_address(url):
        raise NotUsable(f"{HOOK_URL} is no address of http or https")
    headers = pairs(env.get(HOOK_HEADERS, ""))
    more = given.get("headers")
    if isinstance(more, Mapping):
        headers |= {str(name): str(value) for name, value in more.items() if value is not None}
    elif isinstance(more, str):
        headers |= pairs(more)
    return Hook(url, MappingProxyType(headers), _form(given.get("log_format")))


def bucket(env: Mapping[str, str], given: Mapping[str, Any]) -> Bucket:
    """LiteLLM's `s3_callback_params`. Raises NotUsable."""
    words = {name: _text(given.get(f"s3_{name}")) for name in _WORDS}
    if not words["bucket_name"]:
        raise NotUsable("s3_bucket_name is not set")
    endpoint = words["endpoint_url"].rstrip("/")
    if endpoint and not is_address(endpoint):
        raise NotUsable("s3_endpoint_url is no address of http or https")
    found = first_set(env, REGIONS)
    sse = {
        "x-amz-server-side-encryption": words["server_side_encryption"],
        "x-amz-server-side-encryption-aws-kms-key-id": words["sse_kms_key_id"],
    }
    return Bucket(
        name=words["bucket_name"],
        region=words["region_name"] or (found[1] if found else "us-east-1"),
        endpoint=endpoint,
        path=words["path"].strip("/"),
        keys=_keys(env, words),
        by_team=given.get("s3_use_team_prefix") is True,
        by_key=given.get("s3_use_key_prefix") is True,
        hosted=given.get("s3_use_virtual_hosted_style") is True,
        headers=MappingProxyType({name: value for name, value in sse.items() if value}),
        batches=given.get("s3_ndjson") is True,
    )


_Made = Callable[[Mapping[str, str], Mapping[str, Any]], Sink]

KINDS: Mapping[str, _Made] = MappingProxyType(
    {
        "otel": otel,
        "opentelemetry": otel,
        "langfuse": langfuse,
        "langfuse_otel": langfuse,
        "langsmith": langsmith,
        "webhook": hook,
        "generic_api": hook,
        "generic": hook,
        "s3": bucket,
        "s3_v2": bucket,
    }
)
_WORDS = (
    "bucket_name",
    "region_name",
    "endpoint_url",
    "path",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "server_side_encryption",
    "sse_kms_key_id",
)


def _keys(env: Mapping[str, str], words: Mapping[str, str]) -> AwsKeys | None:
    own = words["aws_access_key_id"], words["aws_secret_access_key"]
    if all(own):
        return AwsKeys(*own, words["aws_session_token"])
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    id, secret, token = (env.get(name, "").strip() for name in names)
    return AwsKeys(id, secret, token) if id and secret else None


def _form(given: Any) -> Form:
    if given in (None, "json_array"):
        return "json_array"
    if given == "ndjson":
        return "ndjson"
    if given == "single":
        return "single"
    raise NotUsable("log_format is none of json_array, ndjson and single")


def _text(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int) else ""
