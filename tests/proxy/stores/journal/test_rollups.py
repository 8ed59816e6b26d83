"""What rows add to the rollups, by whom and by what."""

from __future__ import annotations

from pipelines.usage import Usage
from proxy.stores.journal.rollups import MOST, MOST_TAGS, rolled_up, rollup_id
from proxy.stores.journal.rows import row_of
from tests.proxy.stores.journal.test_rows import a_record


def test_a_call_is_counted_once_in_all_and_once_by_its_caller() -> None:
    found = rolled_up([row_of(a_record(key_id="k", cost=5, status=429, outcome="refused"))])
    assert [(one["kind"], one["key_id"], one["cost"]) for one in found] == [
        ("all", "", 5),
        ("key", "k", 5),
    ]
    assert {(one["failed"], one["limited"], one["milliseconds"]) for one in found} == {(1, 1, 1500)}


def test_tags_are_counted_once_each_and_not_without_end() -> None:
    tags = tuple(f"t{number % 50}" for number in range(100))
    found = rolled_up([row_of(a_record(tags=tags))])
    assert sum(one["kind"] == "tag" for one in found) == MOST_TAGS


def test_the_model_is_the_providers_and_its_group_the_public_name() -> None:
    [everything, _] = rolled_up([row_of(a_record(model="fast", upstream_model="m-1"))])
    assert (everything["model"], everything["model_group"]) == ("m-1", "fast")


def test_writers_lock_in_one_order() -> None:
    rows = [row_of(a_record(str(one), key_id=f"k{one}", end_user="e")) for one in range(50)]
    found = [(one["kind"], one["day"], one["id"]) for one in rolled_up(rows)]
    assert (
        found
        == sorted(found)
        == [(one["kind"], one["day"], one["id"]) for one in rolled_up(reversed(rows))]
    )


def test_an_id_tells_every_group_apart() -> None:
    assert rollup_id(["ab", "c"]) != rollup_id(["a", "bc"])
    assert rollup_id(["a", ""]) != rollup_id(["", "a"])


def test_a_sum_stays_within_its_column() -> None:
    rows = [row_of(a_record(str(one), cost=2**63 - 1)) for one in range(3)]
    assert rolled_up(rows)[0]["cost"] == MOST


def test_a_call_from_the_cache_tells_what_it_replayed() -> None:
    row = row_of(a_record(cache="joined", usage=Usage(3, 4, cached_tokens=2), first_byte=0.5))
    [everything, _] = rolled_up([row])
    assert (everything["cached"], everything["replayed_tokens"]) == (1, 4)
    assert (everything["cached_tokens"], everything["first_byte_ms"]) == (2, 500)
