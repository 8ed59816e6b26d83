"""Tells once a day what was spent.

The rule: it is of the last whole day (UTC), read from the rollups.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from proxy.alerts.alert import Alert, word
from proxy.stores.journal.sums import Asked, Rollups, Totals

DAY = 86_400
MOST = 10
NANO = 1_000_000_000


async def daily_report(rollups: Rollups, day: int, kind: str = "daily_reports") -> Alert:
    """The report of a day (days since 1970), as an alert of this kind. Raises StoreUnavailable."""
    asked = Asked(first=day, last=day)
    total = await rollups.total(asked)
    teams = await rollups.sums(asked, "team_id", most=MOST)
    models = await rollups.sums(asked, "model_group", most=MOST)
    date = datetime.fromtimestamp(day * DAY, UTC).strftime("%Y-%m-%d")
    lines = [
        f"Spend Report for `{date}`",
        f"Total: `${_usd(total):.4f}` in {total.calls} calls, {total.failed} of them failed",
        *_lines("Team", teams),
        *_lines("Model", models),
    ]
    return Alert(
        kind=kind,
        cause=f"report:{date}",
        message="\n".join(lines),
        level="Low",
        quiet=2.0 * DAY,
        event="daily_report",
        about={
            "date": date,
            "spend": _usd(total),
            "calls": total.calls,
            "failed": total.failed,
            "teams": {one.group[0] or "": _usd(one) for one in teams},
            "models": {one.group[0] or "": _usd(one) for one in models},
        },
    )


def _lines(name: str, sums: Sequence[Totals]) -> list[str]:
    return [
        f"{name}: `{word(one.group[0] or 'none')}` | Spend: `${_usd(one):.4f}` | Calls: {one.calls}"
        for one in sums
    ]


def _usd(one: Totals) -> float:
    return one.cost / NANO
