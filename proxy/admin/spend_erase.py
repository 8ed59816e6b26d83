"""Erases persons from the records of calls.

The rule: who may delete a person may erase him; it is written down who did, and nothing of whom the
records are now.
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.admin.session import Session
from proxy.admin.spend_seen import calls_of
from proxy.stores.journal.erasure import Column


async def erase(session: Session, column: Column, ids: Iterable[str]) -> int:
    """Erase these end users or users; gives how many records were theirs. Raises NoDatabase."""
    erasure = calls_of(session).erasure
    records = 0
    for id in dict.fromkeys(ids):
        records += (await erasure.erase(column, id, session.actor)).records
    return records
