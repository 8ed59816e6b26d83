"""The first tables: entities, audit, changes and calls.

The rule: a step is never edited once it was released.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ENTITIES = (
    (
        "key",
        (
            "digest",
            "former_digest",
            "alias",
            "user_id",
            "team_id",
            "organization_id",
            "expires",
            "created_by",
        ),
    ),
    ("user", ("email", "role", "sso_user_id", "organization_id")),
    ("team", ("alias", "organization_id")),
    ("membership", ("team_id", "user_id")),
    ("budget", ()),
    ("organization", ("alias",)),
    ("organization_member", ("organization_id", "user_id")),
    ("end_user", ("alias",)),
    ("tag", ()),
    ("access_group", ()),
    ("model", ("model_name",)),
)

_INDEXED = ("created_at", "alias", "email", "model_name", "former_digest")


def upgrade() -> None:
    """Make the tables."""
    for kind, columns in _ENTITIES:
        table = f"headgate_{kind}"
        op.create_table(
            table,
            sa.Column("id", sa.Text, primary_key=True),
            *(sa.Column(name, sa.Text, unique=name == "digest") for name in columns),
            sa.Column("created_at", sa.Text, nullable=False),
            sa.Column("data", sa.Text, nullable=False),
        )
        for name in ("created_at", *columns):
            if name.endswith("_id") or name in _INDEXED:
                op.create_index(f"{table}_{name}", table, [name])
    op.create_table(
        "headgate_change",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("entity", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "headgate_audit",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("at", "actor", "action", "kind", "entity", "data")
        ),
    )
    op.create_index("headgate_audit_entity", "headgate_audit", ["kind", "entity"])
    _calls()


def _calls() -> None:
    texts = ("key_id", "key_alias", "user_id", "team_id", "organization_id", "end_user", "model")
    op.create_table(
        "headgate_call",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("ended", sa.Float, nullable=False),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text) for name in (*texts, "deployment", "provider")),
        sa.Column("streaming", sa.Boolean, nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
        sa.Column("completion_tokens", sa.BigInteger, nullable=False),
        sa.Column("cost", sa.BigInteger),
        sa.Column("data", sa.Text, nullable=False),
    )
    for name in ("started", "key_id", "user_id", "team_id", "end_user"):
        op.create_index(f"headgate_call_{name}", "headgate_call", [name])
