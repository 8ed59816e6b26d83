"""The backends that the conformance suites run over."""

from __future__ import annotations

import pytest

from tests.conformance.entities import ENTITY_STORES
from tests.conformance.ledgers import LEDGERS
from tests.fakes.later import Later


@pytest.fixture(params=LEDGERS)
def ledger(request: pytest.FixtureRequest) -> Later:
    """An empty ledger of each backend in turn."""
    return Later(LEDGERS[request.param])


@pytest.fixture(params=ENTITY_STORES)
def stores(request: pytest.FixtureRequest) -> Later:
    """Two processes' stores of one database, for each kind of database in turn."""
    return Later(ENTITY_STORES[request.param])
