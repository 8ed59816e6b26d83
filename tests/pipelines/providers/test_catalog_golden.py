"""What goes to each provider of the catalogue is what its golden pair says."""

from __future__ import annotations

import json

import pytest

from pipelines.provider import Provider
from pipelines.providers.load import load_catalog
from tests.pipelines.providers.golden import COMMAND, FOLDER, SECRET, pair_of

CATALOG = load_catalog()
FILES = {file.name.removesuffix(".json"): file for file in FOLDER.glob("*.json")}


@pytest.mark.parametrize("provider", CATALOG.values(), ids=CATALOG.keys())
def test_a_provider_is_asked_as_its_golden_pair_says(provider: Provider) -> None:
    again = f"if this is meant, run {COMMAND} {provider.name}"
    assert provider.name in FILES, f"there is no golden pair; {again}"
    text = FILES[provider.name].read_text("utf-8")
    assert SECRET not in text
    assert pair_of(provider) == json.loads(text), again


def test_every_golden_pair_is_of_a_provider() -> None:
    assert FILES.keys() == CATALOG.keys()
