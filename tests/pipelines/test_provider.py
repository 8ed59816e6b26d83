"""A provider knows where each of its operations is served."""

from __future__ import annotations

import pytest

from pipelines.errors import Unsupported
from pipelines.provider import Quirks
from tests.builders import ENDPOINTS, a_provider


def test_a_provider_finds_the_endpoint_of_an_operation() -> None:
    assert a_provider().endpoint("embeddings") is ENDPOINTS["embeddings"]


def test_a_provider_refuses_an_operation_that_it_has_not() -> None:
    with pytest.raises(Unsupported) as raised:
        a_provider("acme", endpoints={}).endpoint("speech")
    assert raised.value.message == "Acme does not support the operation 'speech'."


def test_a_provider_without_quirks_is_asked_for_its_usage() -> None:
    assert Quirks() == Quirks(rename={}, roles={}, drop=frozenset(), asks_usage=True)
