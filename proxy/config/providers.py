"""Finds out who serves a model, where, and with which secret.

The rule: what the file says wins over the provider's usual variables, and those over the
catalogue's own address; whatever is missing is told in words that name what to set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

from pipelines.provider import Provider
from pipelines.providers import lazy
from proxy.config.aws import BEDROCK, bare_name, placed
from proxy.config.environment import first_set
from proxy.config.google import SCHEME, NoGoogle, base_of
from proxy.config.masking import plain
from proxy.config.schema import LitellmParams
from proxy.config.validate import nearest_name

Catalog = Mapping[str, Provider]

# LiteLLM's other names for providers that the catalogue has under one name.
OTHER_NAMES = MappingProxyType(
    {
        "ollama_chat": "ollama",
        "text-completion-openai": "openai",
        "azure_text": "azure",
        "cohere_chat": "cohere",
        "custom_openai": "openai_like",
        "aiohttp_openai": "openai_like",
        "ai21_chat": "ai21",
        "vllm": "hosted_vllm",
    }
)
BARE_OPENAI = re.compile(
    r"(ft:)?(gpt-|chatgpt-|o\d|text-embedding-|davinci-002|babbage-002|dall-e-|whisper-|tts-"
    r"|omni-moderation|text-moderation|codex-|computer-use-)"
)
# Their OpenAI side lives below /v1, and people write the address without it.
APPENDED_V1 = frozenset({"hosted_vllm", "lm_studio"})
# It is spoken to beside /v1, and people write the address of its OpenAI side.
WITHOUT_V1 = frozenset({"ollama"})
SCHEMES = frozenset({"http", "https", "mock"})


# A part of a catalogue's address that the environment gives; it must not lead to another host.
GIVEN = re.compile(r"\$\{([^}]+)\}")
PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.))*")


class Unfit(Exception):
    """A model that cannot be served as it is written; `key` is the one to mend."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


class Absent(Unfit):
    """A model that lacks something from outside, such as a key's variable."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A provider's key and where it came from; the key never shows."""

    value: str
    source: str

    def __repr__(self) -> str:
        return f"Secret(from {self.source!r})"


def resolve(params: LitellmParams, catalog: Catalog) -> tuple[Provider, str]:
    """The provider of a model and the model's name there. Raises Unfit."""
    model = params.model
    prefix, slash, rest = model.partition("/")
    if params.custom_llm_provider is not None:
        name = params.custom_llm_provider
        provider = _look_up(name, catalog)
        if provider is None:
            raise Unfit("custom_llm_provider", _unknown(name, catalog))
        return provider, _own_name(provider, rest if slash and prefix == name else model)
    if slash:
        provider = _look_up(prefix, catalog)
        if provider is None:
            raise Unfit("model", _unknown(prefix, catalog))
        if not rest:
            raise Unfit("model", f"expected the model's name after {prefix}/")
        return provider, _own_name(provider, rest)
    if BARE_OPENAI.match(model) and "openai" in catalog:
        return catalog["openai"], model
    raise Unfit("model", f'"{plain(model)}" names no provider; write it as provider/model')


def secret(
    params: LitellmParams, provider: Provider, env: Mapping[str, str], source: str | None
) -> Secret:
    """The provider's key; an empty one where none is needed. Raises Absent."""
    if provider.credential.scheme == "none":
        return Secret("", "")
    if params.api_key is not None:
        return Secret(params.api_key, source or "the file")
    found = first_set(env, provider.credential.env)
    if found is not None:
        return Secret(found[1], found[0])
    if not provider.credential.required:
        return Secret("", "")
    names = " or ".join(provider.credential.env) or "api_key"
    raise Absent("api_key", f"no key for {provider.title}: set api_key here, or {names}")


def address(
    params: LitellmParams, provider: Provider, env: Mapping[str, str]
) -> tuple[str, str | None]:
    """The provider's address and a doubt about it, if there is one. Raises Unfit and Absent."""
    key, given = ("api_base", params.api_base) if params.api_base else ("base_url", params.base_url)
    prefix = ""
    if given is None and provider.name == BEDROCK:
        key, given = "aws_bedrock_runtime_endpoint", params.aws_bedrock_runtime_endpoint
    if given is None:
        found = first_set(env, provider.base_env)
        if found is not None:
            prefix, given = f"{found[0]}: ", found[1]
        else:
            given = _filled(provider, placed(params, env))
        key = "api_base"
    if provider.credential.scheme == SCHEME:
        try:
            own = "" if given == provider.base_url else (given or "").rstrip("/")
            given = base_of(provider, params, env, own)
        except NoGoogle as missing:
            raise Absent(key, str(missing)) from None
    if not given:
        names = " or ".join(("api_base", *provider.base_env))
        raise Unfit(key, f"no address for {provider.title}: set {names}")
    if provider.name == "azure":
        given = given.partition("?")[0]
    try:
        parts = _split(given)
    except ValueError as error:
        raise Unfit(key, f"{prefix}{error}") from None
    if provider.name == "azure" and "/openai" in parts.path:
        return _azure(parts)
    base = given.rstrip("/")
    if provider.name in APPENDED_V1 and not parts.path.strip("/"):
        base += "/v1"
    elif provider.name in WITHOUT_V1:
        base = base.removesuffix("/v1").removesuffix("/api")
    doubt = None
    if parts.path.rstrip("/").endswith(("/chat/completions", "/completions", "/embeddings")):
        doubt = "the gateway appends the operation's path itself; end the address before it"
    return base, doubt


def api_version(params: LitellmParams, provider: Provider, env: Mapping[str, str]) -> str:
    """The version of the provider's interface; "" where it has none."""
    if params.api_version is not None:
        return params.api_version
    if not provider.api_version:
        return ""
    return env.get(f"{provider.name.upper()}_API_VERSION", "").strip() or provider.api_version


def is_configured(provider: Provider, env: Mapping[str, str]) -> bool:
    """Whether the environment says that this provider is to be used."""
    if provider.credential.required:
        return first_set(env, provider.credential.env) is not None
    return first_set(env, (*provider.credential.env, *provider.base_env)) is not None


def configured(
    catalog: Catalog, env: Mapping[str, str], running: str | None = None
) -> Iterator[Provider]:
    """The providers that the environment says are to be used, with the one that is known to be
    `running`, in the catalogue's order."""
    named = catalog.naming(env) if isinstance(catalog, lazy.Catalog) else frozenset(catalog)
    for name in catalog:
        if name == running or (name in named and is_configured(catalog[name], env)):
            yield catalog[name]


def is_doubtful(provider: Provider, base: str) -> bool:
    """Whether this address is the catalogue's own and rests on one list alone."""
    return not provider.confirmed and base == provider.base_url


def _filled(provider: Provider, env: Mapping[str, str]) -> str:
    def part(match: re.Match[str]) -> str:
        names = match[1].split(",")
        found = first_set(env, names)
        if found is None:
            needed = " or ".join(("api_base", *names))
            raise Absent("api_base", f"no address for {provider.title}: set {needed}")
        if PART.fullmatch(found[1]) is None:
            message = f"{found[0]}: expected letters, digits, '-', '_' and '.' only"
            raise Unfit("api_base", message)
        return found[1]

    return GIVEN.sub(part, provider.base_url)


def _own_name(provider: Provider, model: str) -> str:
    return bare_name(model) if provider.name == BEDROCK else model


def _look_up(name: str, catalog: Catalog) -> Provider | None:
    return catalog.get(name) or catalog.get(OTHER_NAMES.get(name, ""))


def _unknown(name: str, catalog: Catalog) -> str:
    return f'unknown provider "{plain(name)}"{nearest_name(name, catalog)}'


def _split(url: str) -> SplitResult:
    """The parts of an address. Raises ValueError with a sentence that does not quote it."""
    expected = "expected an address such as https://host/v1"
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError(expected) from None
    if not usable or parts.scheme not in SCHEMES or re.search(r"\s", url):
        raise ValueError(expected)
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address must hold no password; send it in extra_headers")
    if parts.query or parts.fragment:
        raise ValueError("an address must not hold ? or #")
    return parts


def _azure(parts: SplitResult) -> tuple[str, str | None]:
    base, _, rest = parts.path.partition("/openai")
    doubt = "the address is used up to /openai; the deployment's name is taken from model"
    return f"{parts.scheme}://{parts.netloc}{base}", doubt if "/deployments" in rest else None
