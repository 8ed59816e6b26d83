"""Indexes for the secrets that a key had before, of which its row has several in one column.

The rule: they make what is asked fast, and nothing depends on them being there.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_DIGITS, _FOUND = 64, 8


def upgrade() -> None:
    """Make the indexes."""
    for number in range(_FOUND):
        part = sa.text(f"substr(former_digest, {1 + _DIGITS * number}, {_DIGITS})")
        op.create_index(f"headgate_key_former_{number}", "headgate_key", [part])
