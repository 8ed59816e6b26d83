"""Arguments that arrive value by value."""

from __future__ import annotations

from pipelines.dialects.gemini.partial import PartialArguments


def test_values_stand_where_their_paths_say() -> None:
    arguments = PartialArguments()
    arguments.take([{"jsonPath": "$.items[0].name", "stringValue": "ap"}])
    arguments.take([{"jsonPath": "$.items[0].name", "stringValue": "ple"}])
    arguments.take([{"jsonPath": "$.items[1].price", "numberValue": 0.5}])
    arguments.take([{"jsonPath": "$['odd.name']", "boolValue": True}])
    assert arguments.value == {"items": [{"name": "apple"}, {"price": 0.5}], "odd.name": True}


def test_a_senseless_path_is_passed_over() -> None:
    arguments = PartialArguments()
    arguments.take([{"jsonPath": "$"}, {"jsonPath": "$[3]"}, {"jsonPath": "$.a[99999999]"}, 7])
    assert arguments.value == {"a": []}
