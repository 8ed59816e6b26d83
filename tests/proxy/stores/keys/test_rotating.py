"""A key on its way to a new secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from proxy.stores.entities.kinds import Former, Key
from proxy.stores.keys.rotating import (
    EVER,
    Maker,
    NotDue,
    begun,
    ended,
    handed,
    is_due,
    next_rotation,
)

NOW = datetime(2026, 5, 13, 12, 30, tzinfo=UTC)
DAY = timedelta(days=1)
MAKER = Maker("sk-master-0123456789", "pepper")
OLD = Former(digest="old", until=EVER)


def a_key(**fields: object) -> Key:
    given = {"id": "k", "digest": "old", "auto_rotate": True, "rotation_interval": "7d", **fields}
    return Key.model_validate({"key_rotation_at": NOW, **given})


def nonce_of(key: Key) -> str:
    assert key.rotating is not None
    return key.rotating.nonce


def test_a_begun_rotation_leaves_two_good_secrets_without_an_end() -> None:
    key = begun(a_key(), NOW, "1d", MAKER)
    assert key.digest == MAKER.digest(MAKER.secret("k", nonce_of(key)))
    assert key.former == (OLD,)
    assert key.rotation_count == 0
    assert key.former_digest == "old"


def test_the_same_secret_is_made_again_and_nobody_else_tries_for_longer_each_time() -> None:
    key, now, waits = a_key(), NOW, []
    secrets = set()
    for _ in range(9):
        key = begun(key, now, "1d", MAKER)
        assert key.rotating is not None
        waits.append((key.rotating.again_at - now).total_seconds())
        with pytest.raises(NotDue):
            begun(key, key.rotating.again_at - timedelta(seconds=1), "1d", MAKER)
        now = key.rotating.again_at
        secrets.add(MAKER.secret("k", nonce_of(key)))
    assert len(secrets) == 1
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_handed_out_the_old_secret_gets_its_end_and_the_next_rotation_its_date() -> None:
    key = begun(a_key(), NOW, "1d", MAKER)
    done = handed(key, nonce_of(key), NOW + DAY, MAKER, NOW)
    assert done.former == (Former(digest="old", until=NOW + DAY),)
    assert (done.rotating, done.rotation_count) == (None, 1)
    assert (done.last_rotation_at, done.key_rotation_at) == (NOW, NOW + 7 * DAY)
    assert done.name == f"sk-...{MAKER.secret('k', nonce_of(key))[-4:]}"
    with pytest.raises(NotDue):
        handed(done, nonce_of(key), NOW + DAY, MAKER, NOW)


def test_a_new_master_key_begins_anew_and_no_secret_that_may_be_out_there_dies_at_once() -> None:
    first = begun(a_key(), NOW, "1d", MAKER)
    later = NOW + timedelta(hours=1)
    other = Maker("sk-another-0123456789", "pepper")
    second = begun(first, later, "1d", other)
    assert other.made(second, nonce_of(second))
    assert second.former == (Former(digest=first.digest, until=later + DAY), OLD)


def test_secrets_cannot_be_told_from_the_nonce_alone() -> None:
    made = {
        MAKER.secret("k", "1"),
        MAKER.secret("k", "2"),
        MAKER.secret("l", "1"),
        Maker("sk-master-0123456789").secret("k", "1"),
        Maker("sk-another-0123456789", "pepper").secret("k", "1"),
    }
    assert len(made) == 5
    assert {len(one) for one in made} == {46}


def test_only_keys_that_can_be_used_are_due() -> None:
    assert is_due(a_key(), NOW)
    assert not is_due(a_key(), NOW - DAY)
    assert not is_due(a_key(blocked=True), NOW)
    assert not is_due(a_key(expires=NOW), NOW)
    assert not is_due(a_key(auto_rotate=False), NOW)
    assert not is_due(a_key(key_rotation_at=None), NOW)


def test_what_was_begun_is_ended_though_the_key_shall_not_be_rotated_any_more() -> None:
    key = begun(a_key(), NOW, "1d", MAKER).model_copy(update={"auto_rotate": False})
    assert is_due(key, NOW + DAY)
    done = handed(key, nonce_of(key), NOW + DAY, MAKER, NOW)
    assert done.key_rotation_at is None


def test_former_secrets_are_good_for_no_longer_than_they_may() -> None:
    soon = Former(digest="soon", until=NOW + DAY / 2)
    gone = Former(digest="gone", until=NOW)
    assert ended((gone, soon, OLD), NOW) == (soon, OLD)
    assert ended((soon, OLD), NOW, NOW + DAY) == (soon, Former(digest="old", until=NOW + DAY))
    assert ended((soon, OLD), NOW, NOW) == ()


def test_the_next_rotation_is_counted_from_the_last() -> None:
    assert next_rotation(a_key(), NOW) == NOW + 7 * DAY
    assert next_rotation(a_key(last_rotation_at=NOW - DAY), NOW) == NOW + 6 * DAY
    assert next_rotation(a_key(rotation_interval=None), NOW) is None
