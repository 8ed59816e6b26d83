"""Records of calls by day, the texts of those that keep them, and what they came to.

The rule: the old table of calls stays as it is; a task moves its rows over, a few at a time.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_TEXTS = (
    "operation",
    "outcome",
    "key_id",
    "key_alias",
    "user_id",
    "team_id",
    "organization_id",
    "end_user",
    "model",
    "model_group",
    "upstream_model",
    "deployment",
    "provider",
    "session_id",
    "trace_id",
    "provider_request_id",
    "cache",
    "error_class",
)
_SURE = ("operation", "outcome")
_SEARCHED = ("key_id", "user_id", "team_id", "end_user", "session_id", "error_class")
_GROUPS = (
    "kind",
    "name",
    "key_id",
    "user_id",
    "team_id",
    "organization_id",
    "model",
    "model_group",
    "provider",
    "deployment",
    "operation",
)
_SUMS = (
    "calls",
    "failed",
    "limited",
    "cached",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "replayed_tokens",
    "cost",
    "milliseconds",
    "first_byte_ms",
    "timed",
)

# A table that is made first and joined then is waited for by nobody.
_MAKE_PART = """CREATE FUNCTION headgate_record_part(p_day integer) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE kind text; part text;
BEGIN
  IF to_regclass('headgate_record_text_d' || p_day) IS NOT NULL THEN RETURN false; END IF;
  -- One at a time; only a lock on a table shows what others have made meanwhile.
  LOCK TABLE headgate_record IN SHARE UPDATE EXCLUSIVE MODE;
  IF to_regclass('headgate_record_text_d' || p_day) IS NOT NULL THEN RETURN false; END IF;
  FOREACH kind IN ARRAY ARRAY['headgate_record', 'headgate_record_text'] LOOP
    part := kind || '_d' || p_day;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
      part, kind);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
      kind, part, p_day, p_day + 1);
  END LOOP;
  RETURN true;
END $$"""

_PARTS = """CREATE FUNCTION headgate_record_days() RETURNS SETOF integer LANGUAGE sql STABLE AS $$
  SELECT substring(c.relname FROM 'd([0-9]+)$')::integer FROM pg_inherits i
  JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = 'headgate_record'::regclass ORDER BY 1
$$"""

# Whoever waits for it longer than this would make others wait behind him.
_DROP_PART = """CREATE FUNCTION headgate_record_drop(p_day integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('lock_timeout', '500ms', true);
  EXECUTE format('DROP TABLE IF EXISTS %I', 'headgate_record_d' || p_day);
  EXECUTE format('DROP TABLE IF EXISTS %I', 'headgate_record_text_d' || p_day);
END $$"""


def upgrade() -> None:
    """Make the tables; in PostgreSQL one part a day is made when its first record comes."""
    bind = op.get_bind()
    postgres = bind.dialect.name == "postgresql"
    parts: dict[str, Any] = {"postgresql_partition_by": "RANGE (day)"} if postgres else {}
    # Every locale sorts texts in another way, and few of them as fast as their bytes.
    _records(sa.Text(collation="C" if postgres else None), parts)
    _indexes()
    op.create_table(
        "headgate_record_text",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("prompt", sa.Text),
        sa.Column("answer", sa.Text),
        sa.PrimaryKeyConstraint("id", "day"),
        **parts,
    )
    _rollups()
    if postgres:
        for statement in (_MAKE_PART, _PARTS, _DROP_PART):
            bind.exec_driver_sql(statement)


def _records(id_type: sa.Text, parts: dict[str, Any]) -> None:
    op.create_table(
        "headgate_record",
        sa.Column("id", id_type, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("ended", sa.Float, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=name not in _SURE) for name in _TEXTS),
        sa.Column("streaming", sa.Boolean, nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
        sa.Column("completion_tokens", sa.BigInteger, nullable=False),
        sa.Column("cost", sa.BigInteger),
        sa.Column("data", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", "day"),
        **parts,
    )


def _indexes() -> None:
    op.create_index("headgate_record_started", "headgate_record", ["day", "started", "id"])
    partial = {name: f"{name} IS NOT NULL" for name in _SEARCHED} | {"status": "status >= 400"}
    for name, condition in partial.items():
        op.create_index(
            f"headgate_record_{name}",
            "headgate_record",
            [name, "day", "started"],
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )


def _rollups() -> None:
    op.create_table(
        "headgate_rollup",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in _GROUPS),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _SUMS),
        sa.PrimaryKeyConstraint("kind", "day", "id"),
    )
    op.create_index("headgate_rollup_name", "headgate_rollup", ["kind", "name", "day"])
    for name in ("key_id", "user_id"):
        op.create_index(f"headgate_rollup_{name}", "headgate_rollup", [name, "day"])
