"""Decides where spans go: to an OpenTelemetry collector, to Langfuse, to LangSmith.

The rule: a setting of the configuration wins over the environment; the names are those of
OpenTelemetry, Langfuse, LangSmith and LiteLLM, and what is missing is told by its name.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlsplit

from proxy.config.environment import first_set
from proxy.config.schema import LitellmSettings

SERVICE = "headgate"
LANGFUSE = "https://cloud.langfuse.com"
LANGSMITH = "https://api.smith.langchain.com"
# OTLP's path of traces: https://opentelemetry.io/docs/specs/otlp/#otlphttp-request
TRACES = "/v1/traces"
GRPC_PORT = 4317

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class NotUsable(ValueError):
    """A receiver of spans is asked for and cannot be used as it is configured."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who takes spans, and in which `form`: otel, langfuse or langsmith.

    `sample` is the share of traces that it gets; where it `follows`, none of a trace that its
    beginner does not sample. At most `batch` calls are sent at once, `most` wait for it, and each
    for `every` seconds while all is well; one try may take `patience` seconds. `resource` is told
    with every span, `tags` are added to every call's, `name` is how a run is called that the
    client gave no name, and `telling` says whether prompts and answers are sent where the records
    have them.
    """

    form: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    service: str = SERVICE
    resource: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    name: str = ""
    telling: bool = True
    compress: bool = False
    sample: float = 1.0
    follows: bool = False
    batch: int = 256
    most: int = 10_000
    every: float = 1.0
    patience: float = 10.0


class _Words:
    """Settings that are asked for by several names."""

    def __init__(self, env: Mapping[str, str], given: Mapping[str, Any]) -> None:
        self._env = env
        self._given = given

    def text(self, names: Iterable[str], variables: Iterable[str]) -> str:
        for name in names:
            value = self._given.get(name)
            if isinstance(value, str | int | float) and str(value).strip():
                return str(value).strip()
        found = first_set(self._env, variables)
        return found[1] if found else ""

    def needed(self, names: tuple[str, ...], variables: tuple[str, ...]) -> str:
        value = self.text(names, variables)
        if not value:
            raise NotUsable(f"{variables[0]} is not set")
        return value

    def share(self, names: Iterable[str], *variables: str) -> float:
        value = self.text(names, variables)
        if not value:
            return 1.0
        share = _number(variables[0], value, float)
        if not 0 <= share <= 1:
            raise NotUsable(f"{variables[0]} is not between 0 and 1")
        return share

    def count(self, names: Iterable[str], variable: str, usual: int) -> int:
        value = self.text(names, (variable,))
        return max(1, int(_number(variable, value, float))) if value else usual

    def seconds(self, variable: str, usual: float, unit: float) -> float:
        value = self.text((), (variable,))
        return max(0.01, _number(variable, value, float) * unit) if value else usual


def otel(env: Mapping[str, str], given: Mapping[str, Any] = _NOTHING) -> Receiver:
    """A collector, by OpenTelemetry's variables and LiteLLM's older ones. Raises NotUsable.

    https://opentelemetry.io/docs/specs/otel/protocol/exporter/
    """
    words = _Words(env, given)
    protocol = words.text(
        ("exporter", "protocol"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER"),
    )
    if protocol.lower() not in ("", "otlp", "otlp_http", "http", "http/protobuf"):
        raise NotUsable(f"OTEL_EXPORTER_OTLP_PROTOCOL {protocol[:40]!r}: only http/protobuf is")
    whole = words.text((), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",))
    base = whole or words.needed(("endpoint",), ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_ENDPOINT"))
    url = whole or _traces(base)
    if _checked(url, "OTEL_EXPORTER_OTLP_ENDPOINT").port == GRPC_PORT:
        raise NotUsable("OTEL_EXPORTER_OTLP_ENDPOINT has the port of gRPC; use 4318, of HTTP")
    headers = words.text(
        ("headers",),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_HEADERS"),
    )
    resource = pairs(words.text((), ("OTEL_RESOURCE_ATTRIBUTES",)))
    environment = words.text((), ("OTEL_ENVIRONMENT_NAME",))
    if environment:
        resource.setdefault("deployment.environment.name", environment)
    sampler = words.text((), ("OTEL_TRACES_SAMPLER",)) or "parentbased_always_on"
    sample = 1.0
    if sampler.endswith("traceidratio"):
        sample = words.share((), "OTEL_TRACES_SAMPLER_ARG")
    compression = words.text(
        (), ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION")
    )
    return Receiver(
        "otel",
        url,
        pairs(headers),
        words.text(("service_name",), ("OTEL_SERVICE_NAME",))
        or resource.pop("service.name", SERVICE),
        resource,
        telling=given.get("message_logging") is not False,
        compress=compression == "gzip",
        sample=0.0 if sampler.endswith("always_off") else sample,
        follows=sampler.startswith("parentbased"),
        batch=words.count((), "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 256),
        most=words.count((), "OTEL_BSP_MAX_QUEUE_SIZE", 10_000),
        every=words.seconds("OTEL_BSP_SCHEDULE_DELAY", 1.0, 0.001),
        patience=words.seconds("OTEL_EXPORTER_OTLP_TIMEOUT", 10.0, 0.001),
    )


def langfuse(env: Mapping[str, str], given: Mapping[str, Any] = _NOTHING) -> Receiver:
    """Langfuse's endpoint for OTLP, with its keys as user and password. Raises NotUsable.

    https://langfuse.com/integrations/native/opentelemetry
    """
    words = _Words(env, given)
    public = words.needed(("langfuse_public_key", "public_key"), ("LANGFUSE_PUBLIC_KEY",))
    secret = words.needed(
        ("langfuse_secret_key", "langfuse_secret", "secret_key"),
        ("LANGFUSE_SECRET_KEY", "LANGFUSE_SECRET"),
    )
    host = words.text(
        ("langfuse_host", "langfuse_base_url", "host"),
        ("LANGFUSE_OTEL_HOST", "LANGFUSE_HOST", "LANGFUSE_BASE_URL"),
    )
    base = _with_scheme(host or LANGFUSE).removesuffix("/api/public/otel")
    _checked(base, "LANGFUSE_HOST")
    word = base64.b64encode(f"{public}:{secret}".encode()).decode()
    environment = words.text(
        ("langfuse_tracing_environment", "langfuse_environment"),
        ("LANGFUSE_TRACING_ENVIRONMENT",),
    )
    release = words.text(("langfuse_release",), ("LANGFUSE_RELEASE",))
    resource = {"langfuse.environment": environment, "langfuse.release": release}
    tags = given.get("langfuse_default_tags")
    return Receiver(
        "langfuse",
        f"{base}/api/public/otel{TRACES}",
        # The version makes what is sent visible at once.
        {"Authorization": f"Basic {word}", "x-langfuse-ingestion-version": "4"},
        resource={name: value for name, value in resource.items() if value},
        tags=tuple(map(str, tags)) if isinstance(tags, list) else (),
        sample=words.share(("langfuse_sample_rate",), "LANGFUSE_SAMPLE_RATE"),
        batch=words.count((), "LANGFUSE_FLUSH_AT", 256),
        every=words.seconds("LANGFUSE_FLUSH_INTERVAL", 1.0, 1.0),
        patience=words.seconds("LANGFUSE_TIMEOUT", 10.0, 1.0),
    )


def langsmith(env: Mapping[str, str], given: Mapping[str, Any] = _NOTHING) -> Receiver:
    """LangSmith's endpoint for OTLP, with its key and project. Raises NotUsable.

    https://docs.langchain.com/langsmith/trace-with-opentelemetry
    """
    words = _Words(env, given)
    key = words.needed(("langsmith_api_key",), ("LANGSMITH_API_KEY", "LANGCHAIN_API_KEY"))
    project = words.text(("langsmith_project",), ("LANGSMITH_PROJECT", "LANGCHAIN_PROJECT"))
    tenant = words.text(("langsmith_tenant_id",), ("LANGSMITH_TENANT_ID", "LANGSMITH_WORKSPACE_ID"))
    host = words.text(
        ("langsmith_base_url",), ("LANGSMITH_BASE_URL", "LANGSMITH_ENDPOINT", "LANGCHAIN_ENDPOINT")
    )
    base = _with_scheme(host or LANGSMITH).removesuffix("/otel")
    _checked(base, "LANGSMITH_BASE_URL")
    headers = {"x-api-key": key, "Langsmith-Project": project, "X-Tenant-Id": tenant}
    return Receiver(
        "langsmith",
        f"{base}/otel{TRACES}",
        {name: value for name, value in headers.items() if value},
        name=words.text((), ("LANGSMITH_DEFAULT_RUN_NAME",)),
        sample=words.share(("langsmith_sampling_rate",), "LANGSMITH_SAMPLING_RATE"),
        batch=words.count(("langsmith_batch_size",), "LANGSMITH_BATCH_SIZE", 256),
    )


def hands_on_traces(settings: LitellmSettings) -> bool:
    """Whether providers are told which trace a call belongs to: where the operator says so, and
    where he sends spans to a collector and does not say otherwise."""
    if settings.forward_traceparent_to_llm_provider is not None:
        return settings.forward_traceparent_to_llm_provider
    listed = (settings.callbacks, settings.success_callback, settings.failure_callback)
    return any(one == "otel" or (isinstance(one, list) and "otel" in one) for one in listed)


def pairs(text: str) -> dict[str, str]:
    """Headers or attributes as `name=value` with commas between them, as OpenTelemetry has them."""
    found: dict[str, str] = {}
    for one in text.split(","):
        name, sign, value = one.partition("=")
        if sign and name.strip():
            found[unquote(name.strip())] = unquote(value.strip())
    return found


def _traces(base: str) -> str:
    base = _with_scheme(base)
    return base if base.endswith(TRACES) else base + TRACES


def _with_scheme(address: str) -> str:
    whole = address if "://" in address else f"https://{address}"
    return whole.rstrip("/")


def _checked(url: str, name: str) -> Any:
    try:
        found = urlsplit(url)
        port = found.port
    except ValueError:
        found, port = urlsplit(""), None
    if found.scheme not in ("http", "https") or not found.hostname or port == 0:
        raise NotUsable(f"{name} is no address of http or https")
    return found


def _number(name: str, value: str, make: Callable[[str], float]) -> float:
    try:
        return make(value)
    except ValueError:
        raise NotUsable(f"{name} is no number") from None
