"""Which calls a caller may read about, and how he names them.

The rule: a caller reads of his own calls and of those whom he leads; a key of a team reads of its
own calls alone, whoever has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

from proxy.admin.errors import DetailedRefusal, NoDatabase
from proxy.admin.keys_found import key_of
from proxy.admin.roles import Reach
from proxy.admin.session import Session
from proxy.stores.entities.kinds import Key
from proxy.stores.journal.calls import CallLog, Wanted
from proxy.stores.journal.rollups import DAY
from proxy.stores.journal.sums import Asked, Where

NOBODY = "\x01"
MOST_DAYS = 3_660
_DAY = timedelta(days=1)


def calls_of(session: Session) -> CallLog:
    """The calls that were recorded. Raises NoDatabase."""
    found = session.backing.calls
    if found is None:
        raise NoDatabase
    return found


def seen(reach: Reach) -> Mapping[str, Sequence[str]] | None:
    """The columns by one of which a call must be the caller's to read; None: he reads of all."""
    if reach.sees_all:
        return None
    found: dict[str, Sequence[str]] = {"key_id": [reach.key_id or NOBODY]}
    if reach.user_id is not None and reach.team_id is None:
        found["user_id"] = [reach.user_id]
    if reach.led_teams:
        found["team_id"] = sorted(reach.led_teams)
    if reach.organization_ids:
        found["organization_id"] = sorted(reach.organization_ids)
    return found


async def wanted(
    session: Session,
    period: tuple[datetime | None, datetime | None],
    api_key: str | None = None,
    request_id: str | None = None,
    where: Mapping[str, str | None] | None = None,
) -> Wanted:
    """The calls that these filters leave, of those that the caller may read about."""
    since, until = moments(*period)
    given = {name: value for name, value in (where or {}).items() if value is not None}
    if api_key is not None:
        key = await key_of(session, api_key)
        given["key_id"] = NOBODY if key is None else key.id
    return Wanted(since, until, request_id, given, seen(session.reach))


def day_of(moment: datetime) -> int:
    """The day (UTC) that a moment lies in, counted from 1970."""
    return int(moment.timestamp() // DAY)


def date_of(day: int) -> date:
    """The date of a day that is counted from 1970."""
    return date(1970, 1, 1) + timedelta(days=day)


def days(start: datetime | None, end: datetime | None) -> tuple[int, int]:
    """The first and the last day of a report. Raises DetailedRefusal where there are none."""
    if start is None or end is None:
        raise DetailedRefusal("Please provide start_date and end_date")
    if not 0 <= (end - start).days <= MOST_DAYS:
        raise DetailedRefusal("end_date must not be before start_date, nor ten years after it.")
    return day_of(start), day_of(end)


async def asked(
    session: Session,
    period: tuple[int | None, int | None],
    api_key: str | None = None,
    where: Where | None = None,
    kind: str | None = None,
) -> Asked:
    """The rollups of these days, of calls that the caller may read about."""
    given = {name: value for name, value in (where or {}).items() if value is not None}
    if api_key is not None:
        key = await key_of(session, api_key)
        given["key_id"] = NOBODY if key is None else key.id
    return Asked(*period, given, seen(session.reach), kind)


def moments(start: datetime | None, end: datetime | None) -> tuple[float | None, float | None]:
    """The two as seconds since 1970; an end at midnight means that whole day."""
    if end is not None and end.time() == end.min.time():
        end += _DAY
    return (
        None if start is None else start.timestamp(),
        None if end is None else end.timestamp(),
    )


async def digests(session: Session, ids: Iterable[str | None]) -> Mapping[str, str]:
    """The hashed keys by their ids, of those keys that are still there."""
    found = await session.entities.many(Key, sorted({one for one in ids if one}))
    return {one.id: one.digest for one in found}
