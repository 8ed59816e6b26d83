"""What stands in the spool's files is read again as it was, or known to be damaged."""

from __future__ import annotations

import random

import orjson
import pytest

from pipelines.record import AttemptRecord
from pipelines.usage import Usage
from proxy.stores.journal.frames import (
    BEGIN,
    DAMAGED,
    END,
    OURS,
    Names,
    Unreadable,
    call_of,
    frame,
    names_in,
    packed,
    scanned,
    unpacked,
)
from tests.proxy.stores.journal.test_rows import a_record

FULL = a_record(
    usage=Usage(7, 9, cached_tokens=3, service_tier="flex"),
    attempts=(AttemptRecord("d1", 0.25, "it failed"), AttemptRecord("d2", 1.0, cost=3)),
    tags=("red", "blue"),
    losses=("dropped:x",),
    cost=12,
    metadata={"trace_id": "t", "tags": ["a"]},
    prompt='[{"role":"user"}]',
)


def test_a_record_is_read_as_it_was_written() -> None:
    assert unpacked(packed(FULL)) == FULL


def test_what_is_no_json_for_the_quick_one_is_written_all_the_same() -> None:
    record = a_record(model="half \ud800", usage=Usage(2**70))
    assert unpacked(packed(record)) == record


def test_what_another_version_wrote_is_read_as_far_as_it_is_known() -> None:
    names = Names(
        ("newer", "id", "operation", "outcome", "status", "duration", "usage", "attempts"),
        ("brand_new", "prompt_tokens"),
        ("seconds", "deployment", "later"),
    )
    payload = orjson.dumps([1, "a", "chat", "ok", 200, 1.5, [4, 7], [[0.5, "d1", "x"]]])
    expected = a_record("a", usage=Usage(7), attempts=(AttemptRecord("d1", 0.5),))
    assert unpacked(payload, names) == expected
    assert names_in(orjson.dumps(tuple(names))) == names


@pytest.mark.parametrize("payload", [b"", b"{", b"{}", b"[1,2]", b"null", b"[]", b"\xff"])
def test_what_is_no_record_is_refused(payload: bytes) -> None:
    with pytest.raises(Unreadable):
        unpacked(payload)
    with pytest.raises(Unreadable):
        call_of(payload)
    with pytest.raises(Unreadable):
        names_in(payload)


def test_a_call_is_known_by_the_id_that_the_gateway_gave_it() -> None:
    assert call_of(packed(a_record("mine", serial="s1"))) == "s1"
    assert call_of(packed(a_record("s2"))) == "s2"
    assert OURS.record.index("id") == 0


def test_frames_are_found_one_after_the_other() -> None:
    raw = frame(BEGIN, b"one") + frame(END, b"two")
    assert [(one.kind, one.payload) for one in scanned(raw, whole=True)] == [
        (BEGIN, b"one"),
        (END, b"two"),
    ]


def test_what_is_not_there_to_its_end_is_waited_for() -> None:
    raw = frame(END, b"one") + frame(END, b"two")
    for cut in range(len(frame(END, b"one")), len(raw)):
        assert [one.payload for one in scanned(raw[:cut], whole=False)] == [b"one"]


def test_what_was_cut_is_damaged_where_no_more_will_come() -> None:
    raw = frame(END, b"one") + frame(END, b"two")[:-1]
    found = list(scanned(raw, whole=True))
    assert [one.kind for one in found] == [END, DAMAGED]
    assert found[-1].after == len(raw)


def test_a_changed_bit_costs_one_frame_only() -> None:
    payloads = [f"payload {number}".encode() for number in range(50)]
    raw = b"".join(frame(END, one) for one in payloads)
    dice = random.Random(7)
    for _ in range(300):
        damaged = bytearray(raw)
        damaged[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
        found = list(scanned(bytes(damaged), whole=True))
        good = [one.payload for one in found if one.kind == END]
        assert len(good) >= 49
        assert set(good) <= set(payloads)
        assert found[-1].after == len(raw)


def test_noise_is_never_a_record() -> None:
    dice = random.Random(8)
    for _ in range(50):
        found = list(scanned(dice.randbytes(2_000) + b"HgE1" + dice.randbytes(40), whole=True))
        assert {one.kind for one in found} == {DAMAGED}
