"""An index for the entries of the ledger by their age, of which the old ones are added up.

The rule: it makes what is asked fast, and nothing depends on it being there.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the index, where the ledger is in this database."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE INDEX headgate_ledger_entry_at ON headgate_ledger_entry(at)")
