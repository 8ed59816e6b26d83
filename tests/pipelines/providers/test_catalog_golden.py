"""What goes to each provider of the catalogue is what its golden request says."""

from __future__ import annotations

import json

import pytest

from pipelines.provider import Provider
from pipelines.providers.load import load_catalog
from tests.pipelines.providers.golden import COMMAND, FILE, request_to

CATALOG = load_catalog()
GOLDEN = json.loads(FILE.read_text("utf-8"))


@pytest.mark.parametrize("provider", CATALOG.values(), ids=CATALOG.keys())
def test_a_provider_is_asked_as_its_golden_request_says(provider: Provider) -> None:
    assert request_to(provider) == GOLDEN.get(provider.name), f"if this is meant, run {COMMAND}"


def test_every_golden_request_is_of_a_provider() -> None:
    assert GOLDEN.keys() <= CATALOG.keys()
