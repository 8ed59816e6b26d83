"""What is kept loads again, from older and newer versions too."""

from __future__ import annotations

from proxy.stores.entities.kinds import KINDS, Key


def test_each_kind_has_a_name_of_its_own_and_columns_that_are_fields() -> None:
    assert len({kind.kind for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        for name in kind.columns:
            is_derived = isinstance(getattr(kind, name, None), property)
            assert name in kind.model_fields or is_derived


def test_a_row_of_an_older_version_loads_and_fields_of_a_newer_one_stay() -> None:
    key = Key.model_validate({"id": "k", "digest": "d", "made_tomorrow": 1})
    assert key.models == ()
    assert key.created_at.utcoffset() is not None
    assert Key.model_validate_json(key.model_dump_json()) == key
    assert key.model_dump()["made_tomorrow"] == 1
