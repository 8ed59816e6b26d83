"""Calls are exported as a stream, each of those that one may see."""

from __future__ import annotations

import csv
import io

import orjson
import pytest

from proxy.stores.database.engine import writing
from proxy.stores.journal import calls
from proxy.stores.journal.batches import write_batch
from proxy.stores.journal.rows import row_of
from tests.conformance.journals import DATABASES
from tests.fakes.later import Later
from tests.proxy.admin.harness import Admin
from tests.proxy.admin.recorded import a_call, recorded


@pytest.fixture(params=DATABASES)
def admin(request: pytest.FixtureRequest) -> Later:
    """The routes over recorded calls, in each kind of database."""
    return Later(lambda: recorded(request.param))


async def lines(admin: Admin, query: dict[str, str], caller: str = "sk-master") -> list[bytes]:
    answer = await admin.call("GET", "/spend/logs/export", query, caller=caller)
    assert answer.status == 200
    return bytes(answer.body).splitlines()


async def test_every_call_is_a_line_of_json(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "CHUNK", 2)
    rows = [orjson.loads(one) for one in await lines(admin, {})]
    assert [one["request_id"] for one in rows] == ["a2", "mine", "mine", "b1", "a1"]
    failed = await lines(admin, {"status_filter": "failure"})
    assert len(failed) == 1
    assert len(await lines(admin, {}, "sk-alice")) == 2


async def test_csv_has_a_heading_and_no_formulas(admin: Admin) -> None:
    assert admin.backing.calls is not None
    async with writing(admin.backing.calls._engine) as connection:
        await write_batch(connection, [row_of(a_call("=cmd()", day=3, user_id="@me"))])
    rows = list(
        csv.DictReader(io.StringIO(b"\n".join(await lines(admin, {"format": "csv"})).decode()))
    )
    assert len(rows) == 6
    assert (rows[0]["request_id"], rows[0]["user"]) == ("'=cmd()", "'@me")
    assert (rows[1]["spend"], rows[1]["total_tokens"], rows[1]["team_id"]) == ("0.0", "15", "")


async def test_without_recorded_calls_it_says_so(admin: Admin) -> None:
    admin.backing.calls = None
    assert (await admin.call("GET", "/spend/logs/export")).status == 400
