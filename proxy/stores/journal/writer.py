"""Writes batches of records into the database.

The rule: a database that is away is told from a record that no database will have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.ext.asyncio import AsyncEngine

from pipelines.errors import StoreUnavailable
from pipelines.record import Record
from proxy.stores.database.engine import writing
from proxy.stores.journal.batches import write_batch
from proxy.stores.journal.rows import row_of
from proxy.stores.journal.shipper import AT_ONCE, RecordRefused

# A value that does not fit, one that is against the rules, or more than an index can hold.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_OF_THE_ROW = ("22", "23", "54")
_KINDS = frozenset({"DataError", "IntegrityError"})


class DatabaseWriter:
    """Writes into one database, each batch in a transaction of its own."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def __call__(self, records: Sequence[Record]) -> None:
        """Write records that are not there yet. Raises StoreUnavailable and RecordRefused."""
        rows: list[dict[str, Any]] = []
        for start in range(0, len(records), AT_ONCE):
            try:
                rows += map(row_of, records[start : start + AT_ONCE])
            except (TypeError, ValueError, AttributeError) as error:
                raise RecordRefused(type(error).__name__) from None
            # Calls come first.
            await asyncio.sleep(0)
        try:
            async with writing(self._engine) as connection:
                await write_batch(connection, rows)
        except DBAPIError as error:
            state = str(getattr(error.orig, "sqlstate", None) or "")
            if type(error).__name__ in _KINDS or state.startswith(_OF_THE_ROW):
                raise RecordRefused(type(error).__name__) from None
            # The tables are not what they should be, or nobody may write: it may come right.
            raise StoreUnavailable(
                f"The database does not take records of calls ({type(error.orig).__name__})."
            ) from None
        except (StatementError, OverflowError) as error:
            raise RecordRefused(type(error).__name__) from None
