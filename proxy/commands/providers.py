"""`headgate providers`: whom the gateway can reach, and what each of them can do.

The rule: the catalogue as it is, without the environment; `--json` leaves nothing out,
the titles and the vendors' pages included.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TextIO

import orjson

from pipelines.provider import Provider
from pipelines.providers.load import load_catalog
from proxy.commands.columns import column_widths, row_lines

WIDTH = 100
TITLES = ("NAME", "ADDRESS", "KEY", "SERVES")
NONE = "-"


def providers(as_json: bool, out: TextIO) -> int:
    """Print the catalogue, sorted by name."""
    rows = sorted(load_catalog().values(), key=lambda one: one.name)
    if as_json:
        out.write(_json(rows))
    else:
        out.writelines(f"{line.rstrip()}\n" for line in _table(rows))
    return 0


def _json(rows: list[Provider]) -> str:
    shown = [asdict(one) for one in rows]
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(shown, default=_plain, option=options).decode()


def _plain(value: object) -> list[object]:
    # `Quirks.drop` is the one field that JSON has no form for.
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(type(value).__name__)


def _table(rows: list[Provider]) -> Iterator[str]:
    cells = [_cells(one) for one in rows]
    widths = column_widths((TITLES, *cells), WIDTH)
    yield from row_lines(TITLES, widths)
    for row in cells:
        yield from row_lines(row, widths)
    yield ""
    doubtful = sum(not one.confirmed for one in rows)
    yield f"{len(rows)} providers; a model is named provider/model. A * stands at the {doubtful}"
    yield "addresses that are known from one public list only; api_base sets another."


def _cells(one: Provider) -> tuple[str, ...]:
    address = one.base_url or f"set {' or '.join(('api_base', *one.base_env))}"
    return (
        one.name,
        address if one.confirmed else f"{address} *",
        next(iter(one.credential.env), NONE),
        " ".join(one.endpoints),
    )
