"""Each call whose client saw a byte has one record, and the records are the provider's bill, though
the gateway is killed and the database goes away; `make accept-record` is the long form."""

from __future__ import annotations

from pathlib import Path

from tests.accept.record import Plan, tried


async def test_no_record_is_lost_or_doubled_where_gateways_are_killed_and_the_database_goes_away(
    tmp_path: Path,
) -> None:
    books = await tried(tmp_path, Plan(calls=500, kills=2, outages=1))
    assert not books.faults, "\n".join([*books.faults[:10], str(books)])
    assert books.calls == 500
    assert books.whole == books.billed_whole > 0
