"""A row of the catalogue is read when it is asked for, and says then what it always says."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pipelines.provider import Provider
from pipelines.providers.lazy import Catalog, Twice
from pipelines.providers.load import BadCatalog, load_catalog, read_catalog, shipped
from tests.pipelines.providers.test_load import ROW

DOTTED = ROW.replace("[acme", '["acme.ai"')


def test_the_pieces_say_what_the_files_say() -> None:
    assert dict(load_catalog()) == read_catalog(shipped())


def test_a_row_is_read_once_and_only_when_it_is_asked_for() -> None:
    asked: list[str] = []

    def read(source: str, text: str) -> Mapping[str, Provider]:
        asked.append(source)
        return read_catalog([(source, text)])

    catalog = Catalog([("a.toml", "# About.\n" + ROW + DOTTED)], read)
    assert (list(catalog), len(catalog), asked) == (["acme", "acme.ai"], 2, [])
    assert "acme" in catalog
    assert "other" not in catalog
    assert catalog["acme.ai"] is catalog["acme.ai"]
    assert (catalog["acme.ai"].name, asked) == ("acme.ai", ["a.toml"])
    assert catalog.get("other") is None


def test_the_rows_that_name_a_variable_are_found_unread() -> None:
    def read(source: str, text: str) -> Mapping[str, Provider]:
        raise AssertionError("it was read")

    other = ROW.replace("[acme", "[other").replace("ACME", "OTHER")
    catalog = Catalog([("a.toml", ROW + other)], read)
    assert catalog.naming({"ACME_API_KEY"}) == {"acme"}
    assert catalog.naming({"OTHER_API_KEY", "ACME_API_KEY"}) == {"acme", "other"}
    assert catalog.naming({"ACME"}) == frozenset()


def test_every_variable_of_the_catalogue_is_found() -> None:
    catalog = Catalog(shipped(), lambda source, text: read_catalog([(source, text)]))
    for name, row in catalog.items():
        for variable in (*row.credential.env, *row.base_env):
            assert name in catalog.naming({variable}), variable


def test_a_bad_row_is_named_when_it_is_asked_for() -> None:
    bad = ROW.replace('title = "Acme"', "title = 7")
    catalog = Catalog([("a.toml", bad)], lambda source, text: read_catalog([(source, text)]))
    with pytest.raises(BadCatalog, match=r"a\.toml: acme\.title: expected a string"):
        catalog["acme"]


def test_a_row_may_stand_in_two_pieces_but_not_in_two_files() -> None:
    quirks = "[acme.quirks]\nasks_usage = false\n"
    sources = [("a.toml", ROW + DOTTED + quirks)]
    catalog = Catalog(sources, lambda source, text: read_catalog([(source, text)]))
    assert catalog["acme"].quirks.asks_usage is False
    with pytest.raises(Twice, match=r"b\.toml: provider 'acme' stands in the catalogue twice"):
        Catalog([*sources, ("b.toml", ROW)], lambda source, text: {})
