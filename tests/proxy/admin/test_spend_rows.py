"""A recorded call is shown with LiteLLM's names, and without what is not kept."""

from __future__ import annotations

from typing import Any

import orjson

from proxy.admin.spend_rows import shown_call
from proxy.stores.journal.rows import row_of
from tests.proxy.admin.recorded import a_call


def shown(**more: Any) -> dict[str, Any]:
    row = row_of(a_call("c", **more))
    call = shown_call({**row, "data": orjson.loads(row["data"])}, {"id-alice": "hash"})
    return call.model_dump(mode="json")


def test_a_call_that_failed_says_why() -> None:
    why = {"error_class": "provider_error", "error": "it broke"}
    found = shown(outcome="failed", status=502, cost=None, **why)
    assert (found["status"], found["spend"]) == ("failure", 0.0)
    wanted = {
        "error_code": "502",
        "error_class": "provider_error",
        "error_message": "it broke",
    }
    assert found["metadata"]["error_information"] == wanted


def test_an_unknown_cost_is_told_apart_from_none() -> None:
    assert shown(cost=None)["metadata"]["cost"] is None
    assert shown(cost=0, cost_source="table")["metadata"]["cost"] == 0.0
    assert shown(cost=1, cost_source="table")["metadata"]["cost_source"] == "table"


def test_the_id_is_the_clients_own() -> None:
    assert shown(serial="s1")["request_id"] == "c"


def test_operations_have_litellms_names() -> None:
    assert shown(operation="embeddings")["call_type"] == "aembedding"
    assert shown(operation="new-one")["call_type"] == "new-one"


def test_a_key_that_is_gone_has_no_hash() -> None:
    assert shown(key="id-gone")["api_key"] == ""
