"""Several journals as one.

The rule: each gets every record.
"""

from __future__ import annotations

from pipelines.ports import Journal
from pipelines.record import Record


class Journals:
    """Hands each record to all of them."""

    def __init__(self, *journals: Journal) -> None:
        self._puts = tuple(journal.put for journal in journals)

    def put(self, record: Record) -> None:
        """Take the record; never blocks and never raises."""
        for put in self._puts:
            put(record)
