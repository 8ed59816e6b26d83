"""Several journals are one."""

from __future__ import annotations

from proxy.stores.journal.several import Journals
from tests.fakes.ports import FakeJournal
from tests.proxy.stores.journal.test_rows import a_record


def test_each_journal_gets_every_record() -> None:
    one, other = FakeJournal(), FakeJournal()
    record = a_record()
    Journals(one, other).put(record)
    assert one.records == other.records == [record]
