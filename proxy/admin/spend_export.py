"""Exports calls: every one that a filter leaves, as lines of JSON or as CSV.

The rule: it is a stream; however many calls there are, a few of them are in memory at a time.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from typing import Any, Literal

from pydantic_core import to_json, to_jsonable_python
from starlette.responses import Response, StreamingResponse

from proxy.admin.frame import Endpoint
from proxy.admin.roles import EVERYBODY
from proxy.admin.session import Session
from proxy.admin.spend_logs import LogsFilter, filtered
from proxy.admin.spend_rows import SpendLog, shown_call
from proxy.admin.spend_seen import calls_of, digests
from proxy.stores.journal.calls import Wanted

# What a spreadsheet takes for a formula.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


class ExportQuery(LogsFilter):
    """Which calls, and how they are written."""

    format: Literal["ndjson", "csv"] = "ndjson"


async def export(session: Session, query: ExportQuery) -> Response:
    """All of these calls, newest first."""
    found = await filtered(session, query)
    calls_of(session)
    if query.format == "csv":
        return _file(_csv(session, found), "text/csv; charset=utf-8", "csv")
    return _file(_lines(session, found), "application/x-ndjson", "ndjson")


def _file(content: AsyncIterator[bytes], media: str, ending: str) -> Response:
    name = {"content-disposition": f'attachment; filename="spend-logs.{ending}"'}
    return StreamingResponse(content, headers=name, media_type=media)


async def _shown(session: Session, found: Wanted) -> AsyncIterator[list[SpendLog]]:
    async for rows in calls_of(session).each(found):
        hashes = await digests(session, (row["key_id"] for row in rows))
        yield [shown_call(row, hashes) for row in rows]


async def _lines(session: Session, found: Wanted) -> AsyncIterator[bytes]:
    async for calls in _shown(session, found):
        yield b"".join([to_json(one) + b"\n" for one in calls])


async def _csv(session: Session, found: Wanted) -> AsyncIterator[bytes]:
    names = list(SpendLog.model_fields)
    yield _written([names])
    async for calls in _shown(session, found):
        yield _written([[_cell(getattr(one, name)) for name in names] for one in calls])


def _written(rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    plain = to_jsonable_python(value)
    text = plain if isinstance(plain, str) else to_json(plain).decode()
    # A name that a client chose must not calculate in whoever opens the file.
    return f"'{text}" if isinstance(plain, str) and text.startswith(_FORMULAS) else text


SPEND_EXPORT_ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/spend/logs/export",
        handler=export,
        query=ExportQuery,
        answer=str,
        roles=EVERYBODY,
        media=("application/x-ndjson", "text/csv"),
    ),
)
