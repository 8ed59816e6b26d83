"""`make prices`: writes the table of prices anew from the installed genai-prices package."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import orjson
from genai_prices.data import providers
from genai_prices.types import ConditionalPrice, ModelPrice

import pipelines.pricing
from pipelines.pricing.genai import from_genai
from pipelines.pricing.table import FORMAT, read_table

FOLDER = Path(pipelines.pricing.__file__).parent
TABLE = FOLDER / "table.json"
NOTICE = FOLDER / "LICENSE.genai-prices"


def plain(value: object) -> Any:
    """The package's objects as its published data spell them."""
    if isinstance(value, ModelPrice):
        return {name: plain(price) for name, price in value.__dict__.items()}
    if dataclasses.is_dataclass(value):
        fields = (one.name for one in dataclasses.fields(value))
        return {name.rstrip("_"): plain(getattr(value, name)) for name in fields if name != "_"}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    return value if value is None or isinstance(value, int | str) else str(value)


def published() -> list[dict[str, Any]]:
    """All providers of the package, as its published data have them."""
    return [
        {
            "id": one.id,
            "fallback_model_providers": one.fallback_model_providers,
            "models": [_model(model) for model in one.models],
        }
        for one in providers
    ]


def _model(model: Any) -> dict[str, Any]:
    prices = model.prices
    return {
        "id": model.id,
        "match": plain(model.match),
        "prices": [_conditional(one) for one in prices]
        if isinstance(prices, list)
        else plain(prices),
        "price_variants": [plain(one) for one in model.price_variants or ()],
        "context_window": model.context_window,
    }


def _conditional(price: ConditionalPrice) -> dict[str, Any]:
    return {"constraint": plain(price.constraint), "prices": plain(price.prices)}


def table() -> bytes:
    """The table as it is kept, one line a provider."""
    made = from_genai(published())
    source = {"source": f"genai-prices {distribution('genai-prices').version} (MIT)"}
    head = {"format": FORMAT, **source, "made": datetime.now(UTC).date().isoformat()}
    lines = [
        orjson.dumps(name) + b":" + orjson.dumps(one) for name, one in made["providers"].items()
    ]
    start = orjson.dumps({**head, "names": made["names"]})[:-1]
    return start + b',"providers":{\n' + b",\n".join(lines) + b"\n}}\n"


def main() -> None:
    """Write the table and its notice."""
    raw = table()
    count = read_table(raw).check()
    TABLE.write_bytes(raw)
    [licence] = [one for one in distribution("genai-prices").files or () if one.name == "LICENSE"]
    NOTICE.write_text(Path(str(licence.locate())).read_text("utf-8"), "utf-8")
    sys.stdout.write(f"{count} models, {len(raw)} bytes in {TABLE.name}\n")


if __name__ == "__main__":
    main()
