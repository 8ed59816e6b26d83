"""The tables, as the code of this version sees them.

The rule: a table only ever gains columns, each with a default, so that the version before and the
version after can both work on it; what is not searched for lies in `data`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

from proxy.stores.entities.kinds import KINDS, Entity

METADATA = MetaData()


def _entities(kind: type[Entity]) -> Table:
    named = [Column(name, Text, unique=name == "digest") for name in kind.columns]
    own = {"created_by"} & set(kind.columns)
    return Table(
        f"headgate_{kind.kind}",
        METADATA,
        Column("id", Text, primary_key=True),
        *(one for one in named if one.name not in own),
        *([Column("created_by", Text)] if own else []),
        Column("created_at", Text, nullable=False, index=True),
        Column("data", Text, nullable=False),
    )


ENTITIES: Mapping[str, Table] = MappingProxyType({kind.kind: _entities(kind) for kind in KINDS})

# Which entities changed, for the other processes that share a SQLite file.
CHANGES = Table(
    "headgate_change",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("entity", Text, nullable=False),
    sqlite_autoincrement=True,
)

AUDIT = Table(
    "headgate_audit",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("data", Text, nullable=False),
    Index("headgate_audit_entity", "kind", "entity"),
)

# One row a call; times in seconds since 1970, `cost` in nano-dollars.
CALLS = Table(
    "headgate_call",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("started", Float, nullable=False, index=True),
    Column("ended", Float, nullable=False),
    Column("operation", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("key_id", Text, index=True),
    Column("key_alias", Text),
    Column("user_id", Text, index=True),
    Column("team_id", Text, index=True),
    Column("organization_id", Text),
    Column("end_user", Text, index=True),
    Column("model", Text),
    Column("deployment", Text),
    Column("provider", Text),
    Column("streaming", Boolean, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("cost", BigInteger),
    Column("data", Text, nullable=False),
)
