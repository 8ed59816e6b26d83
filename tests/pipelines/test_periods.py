"""Budgets begin at places of the calendar."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipelines.periods import check_duration, seconds_of, stretch


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("duration", "now", "begin", "end"),
    [
        ("30s", "2026-11-24T18:17:31", "2026-11-24T18:17:30", "2026-11-24T18:18:00"),
        ("30m", "2026-11-24T18:29:59", "2026-11-24T18:00:00", "2026-11-24T18:30:00"),
        ("2h", "2026-11-24T19:00:00", "2026-11-24T18:00:00", "2026-11-24T20:00:00"),
        ("1d", "2026-11-24T23:59:59", "2026-11-24", "2026-11-25"),
        ("7d", "2026-11-29T23:59:59", "2026-11-23", "2026-11-30"),
        ("7d", "2026-11-30T00:00:00", "2026-11-30", "2026-12-07"),
        ("2w", "2026-11-24", "2026-11-23", "2026-12-07"),
        ("30d", "2024-02-29T12:00:00", "2024-02-01", "2024-03-01"),
        ("1mo", "2026-12-31T23:59:59", "2026-12-01", "2027-01-01"),
        ("3mo", "2026-11-24", "2026-10-01", "2027-01-01"),
        ("12mo", "2028-02-29", "2028-01-01", "2029-01-01"),
    ],
)
def test_a_moment_falls_into_a_stretch(duration: str, now: str, begin: str, end: str) -> None:
    assert stretch(duration, at(now)) == (at(begin), at(end))


def test_stretches_follow_each_other_without_a_gap() -> None:
    for duration in ("45s", "7m", "5h", "1d", "3d", "7d", "30d", "1mo", "5mo"):
        now = at("2026-01-31T12:34:56")
        for _ in range(50):
            begin, end = stretch(duration, now)
            assert begin <= now < end
            assert stretch(duration, end - 1) == (begin, end)
            assert stretch(duration, end)[0] == end
            now = end


@pytest.mark.parametrize("text", ["", "30", "d", "0d", "-1d", "1.5h", "30 d", "1y", "9999999d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        check_duration(text)


def test_words_stand_for_durations() -> None:
    assert check_duration(" Monthly ") == "1mo"
    assert seconds_of("1mo") == seconds_of("30d") == 30 * 86_400
