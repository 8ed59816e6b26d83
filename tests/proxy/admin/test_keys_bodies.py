"""What key bodies make of what was sent."""

from __future__ import annotations

import pytest

from proxy.admin.keys_bodies import GenerateKey, UpdateKey


def test_what_litellm_keeps_in_the_metadata_is_lifted_out_of_it() -> None:
    metadata = {"tags": ["a"], "model_rpm_limit": {"gpt": 1}, "mine": 1}
    body = GenerateKey.model_validate({"metadata": metadata})
    assert (body.tags, body.model_rpm_limit, body.metadata) == (["a"], {"gpt": 1}, {"mine": 1})
    assert {"tags", "metadata", "model_rpm_limit"} <= body.model_fields_set


def test_a_field_of_its_own_wins_over_the_metadata() -> None:
    body = GenerateKey.model_validate({"metadata": {"tags": ["a"]}, "tags": ["b"]})
    assert (body.tags, body.metadata) == (["b"], {})


def test_a_body_that_is_no_object_is_left_to_the_validation() -> None:
    with pytest.raises(ValueError, match="model"):
        GenerateKey.model_validate([])


def test_unknown_fields_are_kept() -> None:
    body = UpdateKey.model_validate({"key": "x", "new_thing": [1]})
    assert body.model_extra == {"new_thing": [1]}
