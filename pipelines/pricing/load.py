"""The table of prices that ships with the gateway.

The rule: it is read when the first price is asked for, and it says where it comes from.
"""

from __future__ import annotations

from importlib.resources import files

import orjson

from pipelines.pricing.table import PriceTable


def load_prices() -> PriceTable:
    """The prices of `make prices`, with their source and date."""
    raw = files("pipelines.pricing").joinpath("table.json").read_bytes()
    return PriceTable(orjson.loads(raw))
