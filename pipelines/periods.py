"""How long a budget lasts, and which stretch of time a moment falls into.

The rule: a stretch begins at a place of the calendar in UTC, so that every worker finds the same
one without asking anybody, and a budget renews itself without a job that must run.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType

_DURATION = re.compile(r"(\d{1,6})(mo|[smhdw])")
_SECONDS = MappingProxyType({"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800})
_WORDS = MappingProxyType(
    {"hourly": "1h", "daily": "1d", "weekly": "7d", "monthly": "1mo", "yearly": "12mo"}
)
_FIRST_MONDAY = 4 * 86_400


def check_duration(text: str) -> str:
    """The duration in its short form, such as "30d" or "1mo". Raises ValueError."""
    short = _WORDS.get(text.strip().lower(), text.strip().lower())
    found = _DURATION.fullmatch(short)
    if found is None or int(found[1]) == 0:
        raise ValueError(f"{text[:40]!r} is no duration; write 30s, 30m, 30h, 30d or 1mo")
    return short


def seconds_of(duration: str) -> int:
    """The duration in seconds; a month counts as 30 days. Raises ValueError."""
    found = _DURATION.fullmatch(check_duration(duration))
    assert found is not None
    count, unit = int(found[1]), found[2]
    return count * (30 * 86_400 if unit == "mo" else _SECONDS[unit])


@lru_cache(maxsize=1024)
def _stretch(duration: str, hour: int) -> tuple[int, int]:
    # Nothing but a duration in seconds or minutes changes within an hour.
    return _find(duration, hour * 3600)


def stretch(duration: str, now: float) -> tuple[int, int]:
    """Begin and end, in seconds since 1970, of the stretch of this duration that `now` is in.

    A day begins at midnight, seven days on Monday, a month and 30 days on the first of the month
    (as LiteLLM's budgets do); everything else is counted from 1970 on. Raises ValueError.
    """
    moment = int(now)
    if duration.endswith(("s", "m")):
        return _find(duration, moment)
    return _stretch(duration, moment // 3600)


def _find(duration: str, moment: int) -> tuple[int, int]:
    found = _DURATION.fullmatch(check_duration(duration))
    assert found is not None
    count, unit = int(found[1]), found[2]
    if unit == "mo":
        return _months(count, moment)
    if unit == "d" and count == 30:
        return _months(1, moment)
    width = count * _SECONDS[unit]
    origin = _FIRST_MONDAY if width % _SECONDS["w"] == 0 else 0
    begin = origin + (moment - origin) // width * width
    return begin, begin + width


def _months(count: int, moment: int) -> tuple[int, int]:
    today = datetime.fromtimestamp(0, UTC) + timedelta(seconds=moment)
    first = (today.year * 12 + today.month - 1) // count * count
    return _month(first), _month(first + count)


def _month(number: int) -> int:
    return int(datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC).timestamp())
