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
    PrimaryKeyConstraint,
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

# The calls of versions before the fifth step, until their rows are moved over.
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

# One row a call; times in seconds since 1970, `day` the whole days of `started`, `cost` in
# nano-dollars. In PostgreSQL it is parted by day.
RECORDS = Table(
    "headgate_record",
    METADATA,
    Column("id", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float, nullable=False),
    Column("status", Integer, nullable=False),
    Column("operation", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("key_id", Text),
    Column("key_alias", Text),
    Column("user_id", Text),
    Column("team_id", Text),
    Column("organization_id", Text),
    Column("end_user", Text),
    Column("model", Text),
    Column("model_group", Text),
    Column("upstream_model", Text),
    Column("deployment", Text),
    Column("provider", Text),
    Column("session_id", Text),
    Column("trace_id", Text),
    Column("provider_request_id", Text),
    Column("cache", Text),
    Column("error_class", Text),
    Column("streaming", Boolean, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("cost", BigInteger),
    Column("data", Text, nullable=False),
    PrimaryKeyConstraint("id", "day"),
)

# Prompts and answers, of those calls alone that keep them.
TEXTS = Table(
    "headgate_record_text",
    METADATA,
    Column("id", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("prompt", Text),
    Column("answer", Text),
    PrimaryKeyConstraint("id", "day"),
)

# What the calls of a day came to. `kind` says by what: `all` (no caller), `key` (the caller),
# `end_user` and `tag` (the caller, and the `name` of the one or the other); an empty text stands
# for nothing, and `id` is the digest of all that is not summed. `limited` are the calls that got a
# 429, `replayed_tokens` the completion tokens of those from our cache.
ROLLUPS = Table(
    "headgate_rollup",
    METADATA,
    Column("id", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("team_id", Text, nullable=False),
    Column("organization_id", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("model_group", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("deployment", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("limited", BigInteger, nullable=False),
    Column("cached", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("cache_write_tokens", BigInteger, nullable=False),
    Column("replayed_tokens", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False),
    Column("milliseconds", BigInteger, nullable=False),
    Column("first_byte_ms", BigInteger, nullable=False),
    Column("timed", BigInteger, nullable=False),
    PrimaryKeyConstraint("kind", "day", "id"),
)
