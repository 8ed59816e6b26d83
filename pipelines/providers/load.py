"""Reads the catalogue.

The rule: a row is checked strictly when it is read; an unknown field, a missing one or one of the
wrong type is an error that names the file and the provider.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from pipelines.provider import Credential, CredentialSpec, Endpoint, Provider, Quirks
from pipelines.providers.credentials.bearer import Bearer
from pipelines.providers.credentials.header import Header
from pipelines.providers.credentials.none import NoCredential
from pipelines.providers.credentials.query import Query
from pipelines.providers.lazy import Catalog

SCHEMES = frozenset({"azure", "bearer", "google", "header", "none", "query", "sigv4"})
# These put the secret into a header, or a parameter, of a name of their own.
NAMED = frozenset({"azure", "header", "query"})
LOOPBACK = "127.0.0.1"

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_VARIABLE = re.compile(r"[A-Z0-9][A-Z0-9_]*")
# What the environment gives: ${NAME}, or ${NAME,OTHER} with the first one that is set.
_GIVEN = re.compile(r"\$\{[A-Z][A-Z0-9_]*(,[A-Z][A-Z0-9_]*)*\}")


class BadCatalog(Exception):
    """A row of the catalogue that cannot be used; the message names file, provider and field."""


def load_catalog() -> Mapping[str, Provider]:
    """Every provider that ships with the gateway, by name; a row is read when it is asked for."""
    return Catalog(shipped(), lambda source, text: read_catalog([(source, text)]))


def shipped() -> list[tuple[str, str]]:
    """The files of the catalogue that ships with the gateway: their names and their texts."""
    folder = files("pipelines.providers").joinpath("catalog")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return [(name, folder.joinpath(name).read_text("utf-8")) for name in names]


def read_catalog(sources: Iterable[tuple[str, str]]) -> dict[str, Provider]:
    """Providers from (file name, TOML text) pairs. Raises BadCatalog."""
    catalog: dict[str, Provider] = {}
    for source, text in sources:
        for name, row in _tables(source, text).items():
            if name in catalog:
                raise BadCatalog(f"{source}: provider {name!r} stands in the catalogue twice")
            catalog[name] = _provider(name, _Row(f"{source}: {name}", row))
    return catalog


def _tables(source: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadCatalog(f"{source}: {error}") from None


def make_credential(spec: CredentialSpec, secret: str) -> Credential:
    """The credential of a scheme, bound to a secret ("" where there is none)."""
    if spec.scheme == "none" or not secret:
        return NoCredential()
    if spec.scheme == "query":
        return Query(spec.header, secret)
    if spec.scheme in NAMED:
        return Header(spec.header, secret)
    return Bearer(secret)


class _Row:
    """One table of a file, read field by field; what is left over at the end is an error."""

    def __init__(self, where: str, row: object) -> None:
        if not isinstance(row, dict):
            raise BadCatalog(f"{where}: expected a table")
        self.where = where
        self._left = dict(row)

    def text(self, name: str, default: str | None = None) -> str:
        value = self._left.pop(name, default)
        if not isinstance(value, str):
            raise BadCatalog(f"{self.where}.{name}: expected a string")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._left.pop(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise BadCatalog(f"{self.where}.{name}: expected a list of strings")
        return tuple(value)

    def flag(self, name: str, default: bool) -> bool:
        value = self._left.pop(name, default)
        if not isinstance(value, bool):
            raise BadCatalog(f"{self.where}.{name}: expected true or false")
        return value

    def mapping(self, name: str) -> Mapping[str, str]:
        value = self._left.pop(name, {})
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise BadCatalog(f"{self.where}.{name}: expected a table of strings")
        return value

    def variables(self, name: str) -> tuple[str, ...]:
        names = self.texts(name)
        for one in names:
            if _VARIABLE.fullmatch(one) is None:
                raise BadCatalog(f"{self.where}.{name}: {one!r} is no variable's name")
        return names

    def row(self, name: str) -> _Row:
        return _Row(f"{self.where}.{name}", self._left.pop(name, {}))

    def rows(self, name: str) -> dict[str, _Row]:
        tables = self._left.pop(name, {})
        if not isinstance(tables, dict):
            raise BadCatalog(f"{self.where}.{name}: expected a table")
        return {key: _Row(f"{self.where}.{name}.{key}", table) for key, table in tables.items()}

    def done(self) -> None:
        if self._left:
            raise BadCatalog(f"{self.where}: unknown field {min(self._left)!r}")


def _provider(name: str, row: _Row) -> Provider:
    if _NAME.fullmatch(name) is None:
        raise BadCatalog(f"{row.where}: a name has small letters, digits, '-', '_' and '.' only")
    provider = Provider(
        name=name,
        title=row.text("title"),
        docs=row.text("docs"),
        base_url=row.text("base_url"),
        base_env=row.variables("base_env"),
        credential=_credential(row.row("credential")),
        endpoints={key: _endpoint(table) for key, table in row.rows("endpoints").items()},
        quirks=_quirks(row.row("quirks")),
        api_version=row.text("api_version", ""),
        models_path=row.text("models_path", ""),
        confirmed=row.flag("confirmed", True),
        headers=row.mapping("headers"),
    )
    row.done()
    _check_addresses(provider, row.where)
    if not provider.endpoints:
        raise BadCatalog(f"{row.where}: no endpoints")
    return provider


def _check_addresses(provider: Provider, where: str) -> None:
    if not provider.docs.startswith("https://"):
        raise BadCatalog(f"{where}.docs: must begin with 'https://'")
    if not provider.base_url:
        return
    base = urlsplit(_GIVEN.sub("x", provider.base_url))
    local = base.scheme == "mock" or (base.scheme == "http" and base.hostname == LOOPBACK)
    if not local and base.scheme != "https":
        raise BadCatalog(f"{where}.base_url: must be https, or http on {LOOPBACK}")
    if "{" in base.netloc + base.path or "@" in base.netloc or base.query or base.fragment:
        raise BadCatalog(f"{where}.base_url: holds more than an address")
    if provider.base_url.endswith("/"):
        raise BadCatalog(f"{where}.base_url: must not end with '/'")


def _credential(row: _Row) -> CredentialSpec:
    spec = CredentialSpec(
        scheme=row.text("scheme"),
        env=row.variables("env"),
        header=row.text("header", ""),
        required=row.flag("required", True),
    )
    row.done()
    if spec.scheme not in SCHEMES:
        raise BadCatalog(f"{row.where}.scheme: unknown scheme {spec.scheme!r}")
    if (spec.scheme in NAMED) != bool(spec.header):
        names = " and ".join(repr(name) for name in sorted(NAMED))
        raise BadCatalog(f"{row.where}.header: needed by the schemes {names} and by no other")
    return spec


def _endpoint(row: _Row) -> Endpoint:
    endpoint = Endpoint(
        path=row.text("path"),
        dialect=row.text("dialect"),
        query=row.mapping("query"),
        stream_path=row.text("stream_path", ""),
        stream_query=row.mapping("stream_query"),
        models=row.texts("models"),
    )
    row.done()
    if not endpoint.path.startswith("/"):
        raise BadCatalog(f"{row.where}.path: must begin with '/'")
    if ".." in endpoint.path or "?" in endpoint.path:
        raise BadCatalog(f"{row.where}.path: must hold neither '..' nor '?'")
    return endpoint


def _quirks(row: _Row) -> Quirks:
    quirks = Quirks(
        rename=row.mapping("rename"),
        roles=row.mapping("roles"),
        drop=frozenset(row.texts("drop")),
        asks_usage=row.flag("asks_usage", True),
        returns_reasoning=row.flag("returns_reasoning", False),
    )
    row.done()
    return quirks
