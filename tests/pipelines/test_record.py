"""A record that knows nothing more says so."""

from __future__ import annotations

from pipelines.record import AttemptRecord, Record
from pipelines.usage import NO_USAGE


def test_a_record_needs_only_what_every_call_has() -> None:
    record = Record("id", "chat", "refused", 401, 0.1)
    assert (record.usage, record.cost, record.attempts) == (NO_USAGE, None, ())
    assert record.key is record.model is record.deployment is record.error is None


def test_an_attempt_that_went_well_has_no_error() -> None:
    assert AttemptRecord("d1", 0.1).error is None
