"""Adds up the entries of long ago, so that a ledger does not grow with every call for ever.

The rule: what an account's entries add up to stays the same; one transaction takes a few of them
away and adds as much to the account's one entry for what was before.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict

import orjson

from proxy.stores.ledger.postgres_line import PostgresLine

AT_ONCE = 500

_OLD = "SELECT id, cost, accounts FROM entries WHERE at < ? AND substr(id, 1, 5) <> 'fold:' LIMIT ?"
_SUM = (
    "INSERT INTO entries(id, at, cost, state, accounts) VALUES('fold:' || ?1, ?2, ?3, 0, ?4)"
    " ON CONFLICT(id) DO UPDATE SET at = ?2, cost = cost + ?3"
)
_POSTGRES = """
WITH few AS MATERIALIZED (
  SELECT id FROM headgate_ledger_entry
  WHERE at < headgate_ledger_now() - $1 AND left(id, 5) <> 'fold:'
  ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED
), old AS (
  DELETE FROM headgate_ledger_entry USING few WHERE headgate_ledger_entry.id = few.id
  RETURNING cost, accounts
), sums AS (
  SELECT name, sum(cost)::bigint AS cost FROM old, unnest(accounts) AS name GROUP BY name
), put AS (
  INSERT INTO headgate_ledger_entry AS e (id, at, cost, state, epoch, accounts)
  SELECT 'fold:' || name, headgate_ledger_now(), cost, 0, 0, ARRAY[name] FROM sums ORDER BY name
  ON CONFLICT (id) DO UPDATE SET at = excluded.at, cost = e.cost + excluded.cost
)
SELECT count(*) FROM old
"""


def add_up(connection: sqlite3.Connection, before: float, most: int = AT_ONCE) -> int:
    """Add up some entries older than that moment, in a transaction that is open; gives how
    many. Raises sqlite3.Error."""
    rows = connection.execute(_OLD, (before, most)).fetchall()
    sums: defaultdict[str, int] = defaultdict(int)
    for _, cost, accounts in rows:
        for name in orjson.loads(accounts):
            sums[name] += cost
    connection.executemany("DELETE FROM entries WHERE id = ?", [(row[0],) for row in rows])
    connection.executemany(
        _SUM, [(name, before, cost, orjson.dumps([name])) for name, cost in sums.items()]
    )
    return len(rows)


async def add_up_postgres(line: PostgresLine, older: float) -> None:
    """Add up the entries older than so many seconds, some at a time. Raises
    LedgerUnavailable."""
    while (await line.row(_POSTGRES, older, AT_ONCE))[0] == AT_ONCE:
        pass
