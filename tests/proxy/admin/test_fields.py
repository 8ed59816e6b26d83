"""The kinds of fields, and where each of them ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pipelines.allowance import account_name
from proxy.admin.fields import Count, Duration, MaybeName, Moment, Name, Usd, later
from tests.proxy.admin.harness import NOW


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (Usd, "0.5", 0.5),
        (Usd, 0, 0.0),
        (Count, "7", 7),
        (Duration, "Monthly", "1mo"),
        (Duration, "30D", "30d"),
        (MaybeName, "", None),
        (MaybeName, "a", "a"),
        (Moment, "2026-05-13T14:00:00+02:00", datetime(2026, 5, 13, 12, tzinfo=UTC)),
        (Moment, "2026-05-13T12:00:00", datetime(2026, 5, 13, 12, tzinfo=UTC)),
    ],
)
def test_a_field_is_read(kind: Any, value: object, read: object) -> None:
    assert TypeAdapter(kind).validate_python(value) == read


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Usd, -1e-9),
        (Usd, 1e10),
        (Usd, float("nan")),
        (Usd, float("inf")),
        (Count, -1),
        (Count, 1.5),
        (Count, 2**53),
        (Duration, "1200000h"),
        (Duration, "0d"),
        (Duration, "1y"),
        (Name, ""),
        (Name, "a" * 257),
        (Moment, "9999-12-31T23:59:59Z"),
        (Moment, 10**18),
    ],
)
def test_a_field_has_an_end(kind: Any, value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize("duration", ["1200mo", "36500d", "5214w", "876000h"])
def test_the_longest_durations_can_be_counted_with(duration: str) -> None:
    read = TypeAdapter(Duration).validate_python(duration)
    assert account_name("key:1", read, NOW.timestamp())
    assert later(NOW, read) > NOW + timedelta(days=30_000)


def test_a_moment_is_kept_in_utc() -> None:
    given = datetime(2026, 5, 13, 12, tzinfo=timezone(timedelta(hours=5)))
    assert TypeAdapter(Moment).validate_python(given).utcoffset() == timedelta(0)
