"""Builds the deployments of `model_list`.

The rule: an entry that lacks something from outside, such as a key's variable, is left out with a
warning and the others are served; one that is written wrong is an error.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from pipelines.allowance import Allowance
from pipelines.deployment import Deployment
from pipelines.prices import Book, Tariff
from pipelines.provider import Credential, Provider
from pipelines.routing.routes import stars
from proxy.config import aws, azure, google
from proxy.config.faces import faced
from proxy.config.facts import Usual, with_facts
from proxy.config.masking import HiddenValues, hides, mask, plain, show
from proxy.config.pricing import operator_prices
from proxy.config.problems import Problems, Trail
from proxy.config.providers import (
    Absent,
    Catalog,
    Secret,
    Unfit,
    address,
    api_version,
    configured,
    is_doubtful,
    resolve,
    secret,
)
from proxy.config.references import References
from proxy.config.schema import Entry, LitellmParams, ModelInfo, Priced
from proxy.config.spending import allowance_of
from proxy.config.validate import request_fields, validate

ANY = "*"
# What people call without a prefix when everything is let through.
BARE_WILDCARDS = ("gpt-*", "chatgpt-*", "o1*", "o3*", "o4*", "text-embedding-*")
OLLAMA = "ollama"
# Who makes the credentials of a cloud's own scheme; all others are Amazon's or plain.
CREDENTIALS = MappingProxyType(
    {azure.SCHEME: azure.credential_of, google.SCHEME: google.credential_of}
)


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of `model_list` that has passed the schema, and its place."""

    trail: Trail
    entry: Entry
    params: LitellmParams
    info: ModelInfo


class Builder:
    """Takes entries one by one and keeps what can be served.

    `names` are all public names of the file, those that were left out included; `key_hints` tells
    for each deployment's id which key it uses, masked, and `access_groups` which models each of
    them stands for.
    """

    def __init__(
        self,
        catalog: Catalog,
        references: References,
        problems: Problems,
        drop_params: bool = False,
        usual: Usual | None = None,
    ) -> None:
        self.names: set[str] = set()
        self.key_hints: dict[str, str] = {}
        self.access_groups: dict[str, tuple[str, ...]] = {}
        self._catalog = catalog
        self._references = references
        self._env = references.env
        self._problems = problems
        self._drop_params = drop_params
        self._usual = usual or Usual()
        self._built: list[tuple[Deployment, int | None]] = []
        self.enforces_rates = False
        self.book: Book | None = None

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        """What can be served; where some of a group have an order, the others come after them."""
        last: dict[str, int] = {}
        for one, order in self._built:
            if order is not None:
                last[one.group] = max(order, last.get(one.group, 0))
        return tuple(
            replace(one, order=last.get(one.group, -1) + 1 if order is None else order)
            for one, order in self._built
        )

    def add(self, index: int, data: object) -> None:
        """Take one entry of `model_list`."""
        trail: Trail = ("model_list", index)
        if not isinstance(data, Mapping):
            self._problems.error(trail, f"expected a map, got {show(data)}")
            return
        item = self._item(data, trail)
        if item is None:
            return
        if item.entry.blocked or item.info.blocked:
            self._problems.note((*trail, "model_name"), "left out: it is blocked")
        elif item.params.model == ANY and item.params.custom_llm_provider is None:
            self._expand(item)
        else:
            self._serve(item)

    def add_from_environment(self, ollama_up: bool) -> None:
        """Add a wildcard for every provider that the environment has a key for."""
        trail: Trail = ("headgate_settings", "providers_from_environment")
        for provider in configured(self._catalog, self._env, OLLAMA if ollama_up else None):
            self._wildcard(_bare_item(trail, f"{provider.name}/*"), provider)

    def _item(self, data: Mapping[str, Any], trail: Trail) -> Item | None:
        name = data.get("model_name")
        if isinstance(name, str):
            self.names.add(name.strip())
        below: Trail = (*trail, "litellm_params")
        for key in ("model", "api_base", "base_url", "custom_llm_provider"):
            reason = self._references.unset.pop((*below, key), None)
            if reason is not None:
                self._problems.warning((*below, key), f"left out: {reason}")
                return None
        entry = validate(Entry, data, trail, self._problems)
        if entry is None:
            return None
        params = validate(LitellmParams, entry.litellm_params, below, self._problems)
        info = validate(ModelInfo, entry.model_info, (*trail, "model_info"), self._problems)
        if params is None or info is None:
            return None
        return Item(trail, entry, params, info)

    def _serve(self, item: Item) -> None:
        below: Trail = (*item.trail, "litellm_params")
        unset = self._references.unset.pop((*below, "api_key"), None)
        source = self._references.sources.get((*below, "api_key"))
        try:
            provider, model = faced(*resolve(item.params, self._catalog), item.params.model)
            _check_stars(item.entry.model_name, model)
            base, doubt = address(item.params, provider, self._env)
            key = secret(item.params, provider, self._env, source)
            credential = self._credential(item.params, provider, base, key)
        except Absent as absent:
            self._problems.warning((*below, absent.key), f"left out: {unset or absent}")
            return
        except Unfit as unfit:
            self._problems.error((*below, unfit.key), str(unfit))
            return
        if doubt is not None:
            self._problems.warning((*below, "api_base"), doubt)
        if unset is not None:
            instead = f"{key.source} is used" if key.source else "no key is sent"
            self._problems.warning((*below, "api_key"), f"{unset}; {instead}")
        self._keep(
            item,
            Deployment(
                id="",
                group=item.entry.model_name,
                model=model,
                provider=provider,
                base_url=base,
                credential=credential,
            ),
            key,
        )

    def _expand(self, item: Item) -> None:
        below: Trail = (*item.trail, "litellm_params")
        self._references.unset.pop((*below, "api_key"), None)
        if item.entry.model_name != ANY:
            message = 'model "*" needs model_name "*", or write it as provider/*'
            self._problems.error((*below, "model"), message)
            return
        if item.params.api_key or item.params.api_base or item.params.base_url:
            message = 'not used: with model "*" every provider takes its own variables'
            key = "api_key" if item.params.api_key else "api_base"
            self._problems.warning((*below, key), message)
        own_ways: dict[str, None] = dict.fromkeys(("api_key", "api_base", "base_url"))
        params = item.params.model_copy(update=own_ways)
        info = item.info.model_copy(update={"id": None})
        found = list(configured(self._catalog, self._env))
        for provider in found:
            self._wildcard(replace(item, params=params, info=info), provider)
        if not found:
            self._problems.warning((*below, "model"), "left out: no provider's key is set")

    def _wildcard(self, item: Item, provider: Provider) -> None:
        try:
            base, _ = address(item.params, provider, self._env)
            key = secret(item.params, provider, self._env, None)
            credential = self._credential(item.params, provider, base, key)
        except Unfit:
            return
        groups = [f"{provider.name}/*"]
        if item.entry.model_name == ANY and provider.name == "openai":
            groups += BARE_WILDCARDS
        for group in groups:
            if group in self.names:
                continue
            self.names.add(group)
            model = ANY if "/" in group else group
            self._keep(item, Deployment("", group, model, provider, base, credential), key)

    def _credential(
        self, params: LitellmParams, provider: Provider, base: str, key: Secret
    ) -> Credential:
        for value in (params.aws_secret_access_key, params.aws_web_identity_token):
            self._references.vault.keep(value or "")
        try:
            maker = CREDENTIALS.get(provider.credential.scheme, aws.credential_of)
            return maker(provider, params, self._env, base, key.value)
        except (aws.NoAws, azure.NoAzure, google.NoGoogle) as missing:
            raise Absent("api_key", str(missing)) from None

    def _keep(self, item: Item, deployment: Deployment, key: Secret) -> None:
        params, entry = item.params, item.entry
        wanted = item.info.id
        if wanted in self.key_hints:
            trail = (*item.trail, "model_info", "id")
            self._problems.warning(trail, "another model has this id; an own one is made up")
        if wanted is None or wanted in self.key_hints:
            wanted = self._digest(deployment, params)
        built = replace(
            deployment,
            id=wanted,
            api_version=api_version(params, deployment.provider, self._env),
            headers=self._headers(params, deployment.provider),
            defaults=HiddenValues(request_fields(params)),
            weight=params.weight,
            rpm=entry.rpm if params.rpm is None else params.rpm,
            tpm=entry.tpm if params.tpm is None else params.tpm,
            timeout=params.timeout,
            stream_timeout=params.stream_timeout,
            max_retries=params.max_retries if params.num_retries is None else params.num_retries,
            prices=_prices(params, item.info),
            book=self.book,
            base_model=item.info.base_model or "",
            drop_params=self._drop_params if params.drop_params is None else params.drop_params,
        )
        built = with_facts(built, params, item.info, self._usual)
        built = replace(built, allowance=self._allowance(item, built))
        self._references.vault.keep(key.value)
        if is_doubtful(deployment.provider, deployment.base_url):
            self._problems.note(item.trail, _doubt(deployment.provider))
        hint = mask(key.value) if key.value else "none"
        self.key_hints[wanted] = f"{hint} ({key.source})" if key.source else hint
        for name in item.info.access_groups or ():
            models = self.access_groups.get(name, ())
            self.access_groups[name] = (*models, built.group)
        self._built.append((built, params.order))

    def _allowance(self, item: Item, built: Deployment) -> Allowance | None:
        params = item.params
        rpm, tpm = (built.rpm, built.tpm) if self.enforces_rates else (None, None)
        label = f"Deployment={built.group}"
        try:
            return allowance_of(
                f"deployment:{built.id}",
                label,
                params.max_budget,
                params.budget_duration,
                rpm=rpm,
                tpm=tpm,
                parallel=built.parallel,
            )
        except ValueError as error:
            self._problems.error((*item.trail, "litellm_params", "budget_duration"), str(error))
            return None

    def _headers(self, params: LitellmParams, provider: Provider) -> Mapping[str, str]:
        given = {**(params.headers or {}), **(params.extra_headers or {})}
        headers = HiddenValues({**provider.headers, **given})
        organization = params.organization
        if organization is None and provider.name == "openai":
            organization = self._env.get("OPENAI_ORGANIZATION", "").strip() or None
        if organization and "openai-organization" not in {name.lower() for name in headers}:
            headers["OpenAI-Organization"] = organization
        return headers

    def _digest(self, deployment: Deployment, params: LitellmParams) -> str:
        written = {**params.model_dump(exclude_none=True), **(params.model_extra or {})}
        open_params = {name: value for name, value in written.items() if not hides((name,))}
        text = json.dumps(
            [deployment.group, deployment.provider.name, open_params], sort_keys=True, default=str
        )
        for index in range(len(self._built) + 1):
            digest = hashlib.sha256(f"{text}{index}".encode()).hexdigest()
            if digest not in self.key_hints:
                break
        return digest


def _bare_item(trail: Trail, group: str) -> Item:
    entry = Entry(model_name=group, litellm_params={"model": group})
    return Item(trail, entry, LitellmParams(model=group), ModelInfo())


def _doubt(provider: Provider) -> str:
    return (
        f"the address of {provider.title}, {provider.base_url}, stands in one public list only and"
        " was not seen to work; api_base sets another"
    )


def _check_stars(group: str, model: str) -> None:
    parts = stars(group)
    if parts < 0:
        raise Unfit("model", f'model_name "{plain(group)}" is no regular expression')
    if ANY in model and not parts:
        message = f'"{plain(model)}" has a *, so model_name "{plain(group)}" needs one too'
        raise Unfit("model", message)
    if ANY in model and model.count(ANY) != parts:
        message = f'"{plain(model)}" needs as many * as model_name "{plain(group)}", or none'
        raise Unfit("model", message)


def _prices(*places: Priced) -> Tariff | None:
    return operator_prices(
        *(
            {
                **{name: getattr(one, name) for name in Priced.model_fields},
                **(one.model_extra or {}),
            }
            for one in places
        )
    )
