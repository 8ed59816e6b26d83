"""Runs the steps on the connection that `migrate` hands over.

The rule: it opens nothing by itself.
"""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"], version_table="headgate_version"
)
context.run_migrations()
