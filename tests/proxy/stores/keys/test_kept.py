"""What is remembered is bounded, and forgotten with what it was built from."""

from __future__ import annotations

from proxy.stores.keys.kept import Kept

USER, TEAM = ("user", "u"), ("team", "t")


def a_kept(size: int = 10) -> Kept[str, int]:
    return Kept(size)


def test_a_changed_entity_takes_all_that_was_built_from_it() -> None:
    kept = a_kept()
    kept.put("a", 1, [USER, TEAM, USER])
    kept.put("b", 2, [TEAM])
    kept.put("c", 3, [])
    kept.changed(USER)
    kept.changed(USER)
    assert (kept.get("a"), kept.get("b"), kept.get("c")) == (None, 2, 3)
    kept.changed(TEAM)
    assert list(kept) == [3]


def test_the_least_recently_used_goes_first() -> None:
    kept = a_kept(2)
    kept.put("a", 1, [USER])
    kept.put("b", 2, [USER])
    kept.get("a")
    kept.put("c", 3, [USER])
    assert (kept.get("a"), kept.get("b"), kept.get("c")) == (1, None, 3)
    assert len(kept) == 2


def test_a_new_value_forgets_what_the_old_one_was_built_from() -> None:
    kept = a_kept()
    kept.put("a", 1, [USER])
    kept.put("a", 2, [TEAM])
    kept.changed(USER)
    assert kept.get("a") == 2


def test_nothing_is_left_of_what_was_dropped() -> None:
    kept = a_kept()
    kept.put("a", 1, [USER, TEAM])
    kept.drop("a")
    kept.drop("a")
    assert len(kept) == 0
    assert vars(kept)["_built"] == {}
    kept.put("a", 1, [USER])
    kept.clear()
    assert kept.get("a") is None
