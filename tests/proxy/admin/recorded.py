"""The admin routes over a few recorded calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from pipelines.record import Record
from pipelines.usage import Usage
from proxy.stores.entities.kinds import Tag, Team, User
from proxy.stores.journal.calls import CallLog
from proxy.stores.journal.database import DatabaseJournal
from tests.conformance.journals import DATABASES
from tests.proxy.admin.harness import Admin

DAY = datetime(2026, 5, 12, 10, 0, tzinfo=UTC).timestamp()


def a_call(id: str, key: str = "id-alice", day: int = 0, **more: Any) -> Record:
    """A call on the twelfth of May, or so many days later."""
    fields = {
        "operation": "chat",
        "outcome": "ok",
        "status": 200,
        "duration": 1.5,
        "started": DAY + day * 86_400,
        "key_id": key,
        "model": "gpt",
        "cost": 1_500_000,
        "usage": Usage(10, 5),
        **more,
    }
    return Record(id, **fields)


@asynccontextmanager
async def recorded(database: str) -> AsyncIterator[Admin]:
    """Alice called twice, Bob three times, once for the team."""
    async with DATABASES[database]() as engine:
        admin = Admin()
        for one in (User(id="alice"), User(id="bob"), Team(id="red", alias="Reds"), Tag(id="t")):
            admin.put(one)
        admin.key("sk-alice", user_id="alice")
        admin.key("sk-bob", user_id="bob")
        journal = DatabaseJournal(engine)
        for call in (
            a_call("a1", user_id="alice", tags=("x",), upstream_model="gpt-4o", first_byte=0.5),
            a_call("a2", user_id="alice", day=2, model="other", cost=None),
            a_call("b1", "id-bob", user_id="bob", team_id="red"),
            a_call("mine", "id-bob", day=1, user_id="bob", serial="s1", end_user="eve"),
            a_call("mine", "id-bob", day=1, user_id="bob", serial="s2", outcome="failed"),
        ):
            journal.put(call)
        await journal.flush()
        admin.backing.calls = CallLog(engine)
        yield admin
