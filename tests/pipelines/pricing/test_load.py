"""The table that ships is there and found quickly."""

from __future__ import annotations

from importlib.resources import files

from pipelines.pricing.load import load_prices


def test_the_table_is_loaded() -> None:
    assert load_prices().find("openai", "gpt-4o") is not None


def test_it_is_small_and_carries_its_licence() -> None:
    folder = files("pipelines.pricing")
    assert len(folder.joinpath("table.json").read_bytes()) < 400_000
    assert "MIT License" in folder.joinpath("LICENSE.genai-prices").read_text("utf-8")
