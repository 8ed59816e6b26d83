"""Finds a model's tariff in a table of prices.

The rule: the first row of a provider that fits a model's name is its row, in the order of the
table, as genai-prices has it; a row is read when it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

import orjson

from pipelines.prices import ALWAYS, DAY, KINDS, Book, Rates, Schedule, When
from pipelines.pricing.genai import from_genai

FORMAT = 1
MOST_REMEMBERED = 4096
HIGHEST = 10**18

_COMPACT_DATE = re.compile(r"-(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")


class BadTable(ValueError):
    """A table of prices that cannot be used; the message says where."""


class PriceTable:
    """What one table says; `source` tells where its prices come from, and of when they are."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.source = f"{data.get('source', '')} {data.get('made', '')}".strip()
        self._names: Mapping[str, str] = data.get("names", {})
        self._providers: Mapping[str, Any] = data["providers"]

    def find(self, provider: str, model: str) -> Schedule | None:
        """The tariff of a provider's model, None where the table has none."""
        row = self._row_of(provider, model)
        return None if row is None else _schedule(row)

    def window(self, provider: str, model: str) -> int | None:
        """The context window of a provider's model in tokens, None where the table has none."""
        row = self._row_of(provider, model)
        return row[3] if row is not None and len(row) > 3 else None

    def check(self) -> int:
        """Read every row once, and give their number. Raises BadTable."""
        count = 0
        for name, found in self._providers.items():
            for row in found["models"]:
                try:
                    _fits(row[0], "")
                    _schedule(row)
                    _check_window(row)
                except (ValueError, TypeError, LookupError, re.error) as error:
                    words = f"{name}: a row that cannot be read ({error})"
                    raise BadTable(words[:200]) from None
                count += 1
        return count

    def _row_of(self, provider: str, model: str) -> list[Any] | None:
        found = self._providers.get(self._names.get(provider, provider))
        if found is None:
            return None
        name = model.lower()
        row = self._row(found, name)
        if row is None:
            row = self._row(found, _COMPACT_DATE.sub(r"-\1-\2-\3", name))
        return row

    def _row(self, provider: Mapping[str, Any], model: str) -> list[Any] | None:
        for one in (provider, *(self._providers[name] for name in provider.get("also", ()))):
            for row in one["models"]:
                if _fits(row[0], model):
                    found: list[Any] = row
                    return found
        return None


class PriceBook(Book):
    """The table in use, loaded when it is first asked; it can be changed while calls run, and what
    was found is remembered."""

    def __init__(self, load: Callable[[], PriceTable]) -> None:
        self._load = load
        self._table: PriceTable | None = None
        self._found: dict[tuple[str, str], Schedule | None] = {}
        self._windows: dict[tuple[str, str], int | None] = {}

    @property
    def source(self) -> str:
        """Where the prices come from, and of when they are."""
        return self._current.source

    def find(self, provider: str, model: str) -> Schedule | None:
        """The tariff of a provider's model, None where it is unknown."""
        key = (provider, model)
        try:
            return self._found[key]
        except KeyError:
            if len(self._found) >= MOST_REMEMBERED:
                self._found.clear()
            found = self._found[key] = self._current.find(provider, model)
            return found

    def window(self, provider: str, model: str) -> int | None:
        """The context window of a provider's model in tokens, None where it is unknown."""
        key = (provider, model)
        try:
            return self._windows[key]
        except KeyError:
            if len(self._windows) >= MOST_REMEMBERED:
                self._windows.clear()
            found = self._windows[key] = self._current.window(provider, model)
            return found

    def replace(self, table: PriceTable) -> None:
        """Use another table from now on."""
        self._table = table
        self._found, self._windows = {}, {}

    @property
    def _current(self) -> PriceTable:
        if self._table is None:
            self._table = self._load()
        return self._table


def read_table(raw: bytes) -> PriceTable:
    """A table of our own or of genai-prices' form, checked to its last row. Raises BadTable."""
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadTable(f"no JSON: {error}") from None
    try:
        if isinstance(data, list):
            data = {"source": "genai-prices", **from_genai(data)}
        elif data["format"] != FORMAT:
            raise BadTable(f"a table of format {data['format']!r}, and only {FORMAT} is known")
        table = PriceTable(data)
        if not table.check():
            raise BadTable("a table without a price")
    except (AttributeError, ArithmeticError, TypeError, LookupError) as error:
        raise BadTable(f"no table of prices ({type(error).__name__})") from None
    return table


def _fits(rule: Any, model: str) -> bool:
    if isinstance(rule, list):
        kind, *parts = rule
        return (all if kind == "&" else any)(_fits(part, model) for part in parts)
    kind, text = rule[0], rule[1:]
    if kind == "=":
        return bool(model == text)
    if kind == "^":
        return model.startswith(text)
    if kind == "$":
        return model.endswith(text)
    if kind == "*":
        return text in model
    if kind == "/":
        return re.search(text, model) is not None
    raise ValueError(f"the rule {kind!r} is unknown")


def _schedule(row: list[Any]) -> Schedule | None:
    standard, services = row[1], row[2] if len(row) > 2 else ()
    if standard is None:
        return None
    if isinstance(standard, dict):
        standard = [[None, standard]]
    return Schedule(
        tuple((_when(when), _rates(rates)) for when, rates in standard),
        tuple((str(name), _when(when), _rates(rates)) for name, when, rates in services),
    )


def _check_window(row: list[Any]) -> None:
    if len(row) > 3 and not (type(row[3]) is int and row[3] > 0):
        raise ValueError("the context window is no number of tokens")


def _when(text: str | None) -> When:
    if text is None:
        return ALWAYS
    start, dash, end = text.partition("/")
    if dash:
        return When(None, _seconds(start), _seconds(end))
    day = date.fromisoformat(text)
    return When(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _seconds(text: str) -> int:
    moment = time.fromisoformat(text)
    return (moment.hour * 60 + moment.minute) * 60 + moment.second if text != "24:00" else DAY


def _rates(rates: Any) -> Rates:
    for name, rate in rates.items():
        if name not in KINDS:
            raise ValueError(f"the price {name!r} is unknown")
        numbers = rate if isinstance(rate, list) else [rate]
        if len(numbers) % 2 == 0 or not all(_is_price(one) for one in numbers):
            raise ValueError(f"the price {name!r} is no price")
    known: Rates = rates
    return known


def _is_price(value: object) -> bool:
    return type(value) is int and 0 <= value <= HIGHEST
