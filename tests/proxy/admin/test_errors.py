"""The shapes of refusals."""

from __future__ import annotations

import orjson
import pytest

from pipelines.errors import Unauthenticated
from proxy.admin.errors import (
    Conflict,
    DetailedRefusal,
    Malformed,
    MalformedKeys,
    NoDatabase,
    NotAllowed,
    NotFound,
    Refusal,
    refused,
)


@pytest.mark.parametrize(
    ("error", "status", "type"),
    [
        (Refusal("x", "key"), 400, "bad_request_error"),
        (NotFound("x", "key"), 404, "not_found_error"),
        (NotAllowed("x", "key"), 403, "auth_error"),
    ],
)
def test_an_error_has_openais_shape_and_its_status_as_a_text(
    error: Refusal, status: int, type: str
) -> None:
    answer = refused(error)
    assert answer.status_code == status
    expected = {"message": "x", "type": type, "param": "key", "code": str(status)}
    assert orjson.loads(bytes(answer.body)) == {"error": expected}


def test_no_database_says_what_to_do() -> None:
    found = orjson.loads(bytes(refused(NoDatabase()).body))["error"]
    assert found["type"] == "no_db_connection"
    assert "DATABASE_URL" in found["message"]


def test_detailed_errors_have_fastapis_shape() -> None:
    assert orjson.loads(bytes(refused(DetailedRefusal("x")).body)) == {"detail": {"error": "x"}}
    assert refused(Conflict("x")).status_code == 409
    problem = {"loc": ["body", "key"], "msg": "x", "type": "value_error"}
    malformed = refused(Malformed.at("body", "x", "key"))
    assert malformed.status_code == 422
    assert orjson.loads(bytes(malformed.body)) == {"detail": [problem]}
    assert b"No keys passed in" in bytes(refused(MalformedKeys()).body)


def test_other_errors_stay_as_they_are() -> None:
    assert refused(Unauthenticated("x")).status_code == 401
