"""The tables hold the columns of every kind."""

from __future__ import annotations

from proxy.stores.database.tables import ENTITIES, METADATA
from proxy.stores.entities.kinds import KINDS


def test_every_kind_has_a_table_with_its_columns() -> None:
    for kind in KINDS:
        assert {"id", "created_at", "data", *kind.columns} <= set(ENTITIES[kind.kind].c.keys())


def test_every_table_carries_our_name() -> None:
    assert all(name.startswith("headgate_") for name in METADATA.tables)
