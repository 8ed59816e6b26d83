"""Texts reach those journals alone that keep them, and no record is lost for want of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

from pipelines.call import Call
from pipelines.events import Media
from pipelines.exchange import Exchange
from pipelines.operations import EMBEDDINGS
from pipelines.ports import Hearing
from pipelines.privacy import TextPolicy
from pipelines.record import Record
from pipelines.redaction import Redaction, preset
from pipelines.registry import DIALECTS
from proxy.background import Background
from proxy.stores.journal import texts as module
from proxy.stores.journal.texts import Texts
from tests.builders import a_body, a_call, a_principal, a_stream, an_exchange
from tests.fakes.ports import FakeJournal
from tests.proxy.stores.journal.spools import a_spool

STORED = TextPolicy(stored=True, redaction=Redaction((preset("email"),)))
ASKING = a_body(messages=[{"role": "user", "content": "mail ann@example.org"}])


class Kept:
    """Texts with both kinds of journals behind them."""

    def __init__(self, policy: TextPolicy = STORED) -> None:
        self.plain, self.keeping = FakeJournal(), FakeJournal()
        self.texts = Texts(policy, self.plain, self.keeping, DIALECTS)

    def hearing(self, call: Call | None = None, media: Media | None = Media.SSE) -> Hearing:
        found = self.texts.hear(exchange_of(call or a_call(ASKING)), media)
        assert found is not None
        return found


def exchange_of(call: Call) -> Exchange:
    assert call.json
    return an_exchange(call, a_principal())


def a_record(id: str = "call-1") -> Record:
    return Record(id, "chat", "ok", 200, 1.0)


def test_a_record_that_waits_for_its_texts_is_kept_without_them_at_once(tmp_path: Path) -> None:
    with a_spool(tmp_path) as spool:
        texts = Texts(STORED, FakeJournal(), spool, DIALECTS, spool)
        texts.put(a_record(), a_call(ASKING), None)
        assert (spool.running, spool.waiting) == (1, 0)
        texts.close()
        assert (spool.running, spool.waiting) == (0, 1)


def test_a_call_whose_texts_nobody_wants_is_not_heard() -> None:
    kept = Kept(TextPolicy())
    assert kept.texts.hear(exchange_of(a_call()), Media.SSE) is None


def test_a_stranger_is_not_heard() -> None:
    assert Kept().texts.hear(an_exchange(a_call()), None) is None


def test_texts_come_cleaned_and_to_those_alone_that_keep_them() -> None:
    kept = Kept()
    hearing = kept.hearing()
    hearing.take(a_stream("I am bob@", "example.org"))
    hearing.put(a_record())
    assert kept.plain.records == [a_record()]
    assert (kept.keeping.records, kept.texts.waiting) == ([], 1)
    kept.texts.close()
    (found,) = kept.keeping.records
    assert found.prompt == '[{"role":"user","content":"mail [email]"}]'
    assert orjson.loads(found.answer or "")[0]["content"] == "I am [email]"
    assert kept.plain.records[0].prompt is None


def test_a_refused_call_has_a_prompt_alone() -> None:
    kept = Kept()
    kept.hearing(media=None).put(a_record())
    kept.texts.close()
    assert kept.keeping.records[0].prompt
    assert kept.keeping.records[0].answer is None


def test_vectors_are_no_words() -> None:
    kept = Kept()
    call = a_call(b'{"model": "gpt", "input": "words"}', EMBEDDINGS)
    hearing = kept.hearing(call, Media.JSON)
    hearing.take(b'{"data": [1, 2]}')
    hearing.put(a_record())
    kept.texts.close()
    assert kept.keeping.records[0].prompt == '[{"role":"user","content":"words"}]'
    assert kept.keeping.records[0].answer is None


class Counted(FakeJournal):
    """A journal that says when it has twenty records."""

    def __init__(self) -> None:
        super().__init__()
        self.full = asyncio.Event()

    def put(self, record: Record) -> None:
        super().put(record)
        if len(self.records) == 20:
            self.full.set()


async def test_texts_are_read_beside_the_calls_in_their_order() -> None:
    kept, background = Kept(), Background()
    keeping = kept.keeping = Counted()
    kept.texts = Texts(STORED, kept.plain, keeping, DIALECTS)
    background.spawn(kept.texts.run(), "texts")
    for number in range(20):
        kept.hearing().put(a_record(str(number)))
    await keeping.full.wait()
    await background.close(within=0.0)
    assert [one.id for one in kept.keeping.records] == [str(number) for number in range(20)]
    assert all(one.prompt for one in kept.keeping.records)


async def test_what_still_waits_at_the_end_is_handed_on_once() -> None:
    kept, background = Kept(), Background()
    background.spawn(kept.texts.run(), "texts")
    for number in range(20):
        kept.hearing().put(a_record(str(number)))
    await asyncio.sleep(0)
    await background.close(within=0.0)
    kept.texts.close()
    assert [one.id for one in kept.keeping.records] == [str(number) for number in range(20)]
    assert all(one.prompt for one in kept.keeping.records)


@pytest.mark.parametrize("limit", ["MOST_WAITING", "MOST_BYTES"])
def test_where_too_many_wait_records_go_on_without_texts(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, limit, 1)
    kept = Kept()
    for number in range(5):
        kept.hearing().put(a_record(str(number)))
    assert (kept.texts.waiting, kept.texts.dropped) == (1, 4)
    kept.texts.close()
    assert sorted(one.id for one in kept.keeping.records) == list("01234")
    assert len(kept.plain.records) == 5
    kept.hearing().put(a_record("5"))
    assert kept.texts.waiting == 1


def test_what_cannot_be_read_costs_the_texts_and_not_the_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(module, "prompt_of", fails)
    kept = Kept()
    kept.hearing().put(a_record())
    kept.texts.close()
    assert kept.keeping.records == [a_record()]


def test_a_record_that_waits_for_its_texts_survives_a_kill() -> None:
    begun: list[Record] = []

    class Begun:
        def admit(self) -> None:
            """Every call may be made."""

        def begin(self, record: Record) -> None:
            begun.append(record)

    kept = Kept()
    kept.texts = Texts(STORED, kept.plain, kept.keeping, DIALECTS, Begun())
    kept.hearing().put(a_record())
    assert (begun, kept.keeping.records) == ([a_record()], [])
