"""Turns the models that were added at run time into deployments.

The rule: what came by a request resolves no reference to the environment or to a file, and a model
with an address of its own gets no key but its own; one that cannot be served is told of and left
out, and the others are served.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from pipelines.deployment import Deployment
from pipelines.prices import Book
from pipelines.routing.routes import Routes
from proxy.config.deployments import Builder
from proxy.config.facts import Usual
from proxy.config.masking import Vault, hides, mask
from proxy.config.problems import Problems
from proxy.config.providers import Catalog
from proxy.config.references import FILE_MARK, MARK, References
from proxy.stores.entities.kinds import StoredModel
from proxy.stores.entities.sealing import CannotOpen, Sealer
from proxy.stores.entities.store import EntityStore, Query

SOURCE = "the database"
MOST = 10_000
NO_SALT_KEY = "set HEADGATE_SALT_KEY: models are stored encrypted with it"
ADDRESSES = ("api_base", "base_url", "aws_bedrock_runtime_endpoint", "aws_sts_endpoint")
_NOTHING: Mapping[str, str] = MappingProxyType({})


class NoSaltKey(Exception):
    """Nothing can be sealed or opened, because no salt key is set."""

    def __init__(self) -> None:
        super().__init__(NO_SALT_KEY)


@dataclass(frozen=True, slots=True)
class Built:
    """What became of one model: how it is served, and why it is not; `hint` is its masked key."""

    deployments: tuple[Deployment, ...] = ()
    problems: tuple[str, ...] = ()
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Workshop:
    """What deployments are made of, for the file's models and the stored ones alike.

    `environment` gives the providers' usual variables, and `book` the prices of models whose price
    nobody set.
    """

    catalog: Catalog
    environment: Mapping[str, str] = field(repr=False)
    vault: Vault
    drop_params: bool = False
    enforces_rates: bool = False
    book: Book | None = None
    usual: Usual = field(default_factory=Usual)


class StoredModels:
    """Seals, opens and builds the stored models, and has them served besides the file's; without a
    sealer none of them can be."""

    def __init__(self, sealer: Sealer | None, workshop: Workshop, routes: Routes) -> None:
        self._sealer = sealer
        self._workshop = workshop
        self._routes = routes

    async def renew(self, entities: EntityStore) -> tuple[str, ...]:
        """Serve what is stored now; gives in words why some are not served. Raises
        StoreUnavailable."""
        models = await entities.find(StoredModel, Query(limit=MOST, descending=False))
        found, told = self.deployments(models, self._routes.written)
        self._routes.renew(found)
        return told

    def seal(self, id: str, params: Mapping[str, Any]) -> str:
        """The parameters of this model as they are stored. Raises NoSaltKey."""
        if self._sealer is None:
            raise NoSaltKey
        return self._sealer.seal(params, id)

    def open(self, model: StoredModel) -> dict[str, Any]:
        """The parameters with their secrets. Raises NoSaltKey and CannotOpen."""
        if self._sealer is None:
            raise NoSaltKey
        return self._sealer.open(model.sealed, model.id)

    def build(self, model: StoredModel, params: Mapping[str, Any]) -> Built:
        """How a model with these parameters is served; its problems hold no secret."""
        reference = next(references(params), None)
        if reference is not None:
            return Built(problems=(f"{reference}: {MARK}… and {FILE_MARK}… are for the file only",))
        for secret in _secrets(params):
            self._workshop.vault.keep(secret)
        own = any(params.get(name) for name in ADDRESSES)
        workshop = self._workshop
        problems = Problems(SOURCE, workshop.vault)
        env = _NOTHING if own else workshop.environment
        builder = Builder(
            workshop.catalog,
            References(env, workshop.vault),
            problems,
            workshop.drop_params,
            workshop.usual,
        )
        builder.enforces_rates = workshop.enforces_rates
        builder.add(0, _entry(model, params))
        found = tuple(replace(one, book=workshop.book) for one in builder.deployments)
        return Built(
            deployments=found,
            problems=tuple(
                f"{one.where.removeprefix('model_list[0].')}: {one.message}"
                for one in problems.found()
                if one.level == "error" or (one.level == "warning" and not found)
            ),
            hint=builder.key_hints[found[0].id] if found else None,
        )

    def deployments(
        self, models: Iterable[StoredModel], known: Sequence[Deployment] = ()
    ) -> tuple[tuple[Deployment, ...], tuple[str, ...]]:
        """Those that can be served, and in words why the others are not.

        `known` are the file's: an id of theirs is not given twice, and a model without an order
        stands with the last of its group.
        """
        taken = {one.id for one in known}
        last: dict[str, int] = {}
        for one in known:
            last[one.group] = max(one.order, last.get(one.group, 0))
        found: list[Deployment] = []
        told: list[str] = []
        for model in models:
            if model.blocked:
                continue
            try:
                params = self.open(model)
            except (CannotOpen, NoSaltKey) as error:
                told.append(f"{model.model_name}: left out: {error}")
                continue
            built = self.build(model, params)
            told += [f"{model.model_name}: left out: {problem}" for problem in built.problems]
            for one in built.deployments:
                if one.id in taken:
                    told.append(f"{model.model_name}: left out: another model has this id")
                    continue
                taken.add(one.id)
                placed = params.get("order") is not None
                order = one.order if placed else last.get(one.group, one.order)
                found.append(replace(one, order=order))
        return tuple(found), tuple(told)


def shown(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as they may be seen: every secret masked."""
    return {name: _shown(value, (name,)) for name, value in params.items()}


def references(value: object, trail: tuple[str, ...] = ()) -> Iterator[str]:
    """The places of all references to the environment or to files."""
    if isinstance(value, Mapping):
        for name, below in value.items():
            yield from references(below, (*trail, str(name)))
    elif isinstance(value, list):
        for below in value:
            yield from references(below, trail)
    elif isinstance(value, str):
        leads_out = MARK in value or (value.startswith(FILE_MARK) and hides(trail))
        if leads_out:
            yield ".".join(trail)


def _shown(value: object, trail: tuple[str, ...]) -> object:
    if isinstance(value, Mapping):
        return {name: _shown(below, (*trail, str(name))) for name, below in value.items()}
    if isinstance(value, list):
        return [_shown(below, trail) for below in value]
    if value is None or not hides(trail):
        return value
    return mask(str(value))


def _secrets(value: object, trail: tuple[str, ...] = ()) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, below in value.items():
            yield from _secrets(below, (*trail, str(name)))
    elif isinstance(value, list):
        for below in value:
            yield from _secrets(below, trail)
    elif value is not None and hides(trail):
        yield str(value)


def _entry(model: StoredModel, params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "model_name": model.model_name,
        "litellm_params": dict(params),
        "model_info": {**model.info, "id": model.id},
    }
