"""From a body to the fields of a key."""

from __future__ import annotations

from proxy.admin.keys_bodies import UpdateKey
from proxy.admin.keys_fields import fields_of, with_rotation
from proxy.stores.entities.kinds import Key
from tests.proxy.admin.harness import NOW, later


def test_what_was_not_sent_is_not_set() -> None:
    assert fields_of(UpdateKey(key="x"), NOW, {"a": 1}) == {}


def test_a_null_takes_away() -> None:
    body = UpdateKey.model_validate(
        {"key": "x", "models": None, "aliases": None, "blocked": None, "duration": None}
    )
    assert fields_of(body, NOW, {}) == {
        "models": (), "aliases": {}, "blocked": False, "expires": None
    }  # fmt: skip


def test_what_a_key_has_no_field_for_joins_its_settings() -> None:
    body = UpdateKey.model_validate({"key": "x", "policies": ["p"], "odd": 2})
    assert fields_of(body, NOW, {"a": 1, "odd": 1}) == {
        "settings": {"a": 1, "policies": ["p"], "odd": 2}
    }


def test_a_null_takes_a_setting_away() -> None:
    body = UpdateKey.model_validate({"key": "x", "config": None, "tpd_limit": None})
    assert fields_of(body, NOW, {"config": {}, "a": 1}) == {"settings": {"a": 1}}


def test_the_next_rotation_is_an_interval_after_the_last() -> None:
    key = Key(id="1", digest="d", auto_rotate=True, rotation_interval="1d")
    assert with_rotation(key, NOW).key_rotation_at == later(days=1)
    turned = key.model_copy(update={"last_rotation_at": later(hours=-1)})
    assert with_rotation(turned, NOW).key_rotation_at == later(hours=23)
    still = key.model_copy(update={"auto_rotate": False, "key_rotation_at": NOW})
    assert with_rotation(still, NOW).key_rotation_at is None
