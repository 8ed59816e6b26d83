"""The types of values, each with the words for what it expects.

The rule: a type takes whatever clearly means the right thing (`"10"` for a number, `"true"` for a
switch) and refuses the rest in words that an operator understands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from pipelines.periods import seconds_of

EXPECTED = "expected"
LEVELS = ("debug", "info", "warning", "error", "critical")

Reader = Callable[[object], object]

_ON = frozenset({"true", "yes", "on", "1"})
_OFF = frozenset({"false", "no", "off", "0"})
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def expected(what: str) -> PydanticCustomError:
    """The error for a value that is not what it should be."""
    return PydanticCustomError(EXPECTED, "expected {what}", {"what": what})


def one_of(*choices: str) -> BeforeValidator:
    """A word out of a few, upper or lower case."""
    *others, last = (f'"{choice}"' for choice in choices)

    def read(value: object) -> str:
        if isinstance(value, str) and value.strip().lower() in choices:
            return value.strip().lower()
        raise expected(f"{', '.join(others)} or {last}")

    return BeforeValidator(read)


def read_flag(value: object) -> bool:
    """A switch, in the words that people use for one."""
    word = str(value).strip().lower() if isinstance(value, bool | int | str) else ""
    if word in _ON or word in _OFF:
        return word in _ON
    raise expected("true or false")


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and number.adjusted() < 18 else None


def _whole(least: int | None = None) -> Callable[[object], int]:
    def read(value: object) -> int:
        number = _number(value)
        if number is None or number != int(number):
            raise expected("an integer")
        if least is not None and number < least:
            raise expected(f"an integer of at least {least}")
        return int(number)

    return read


def _real(unit: str = "", least: int | None = None, above: int | None = None) -> Reader:
    def read(value: object) -> float:
        number = _number(value)
        if number is None:
            raise expected(f"a number{unit}")
        if least is not None and number < least:
            raise expected(f"a number{unit} of at least {least}")
        if above is not None and number <= above:
            raise expected(f"a number{unit} over {above}")
        return float(number)

    return read


def read_price(value: object) -> Decimal:
    """A price in dollars, exact to its last digit."""
    number = _number(value)
    if number is None or number < 0:
        raise expected("a price in dollars, such as 1.5e-07")
    return number


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    if isinstance(value, bool | int | float):
        raise expected("a string (put it in quotes)")
    raise expected("a string")


def _optional_text(value: object) -> str | None:
    is_empty = value is None or (isinstance(value, str) and not value.strip())
    return None if is_empty else _text(value)


def _word(value: object) -> str:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else _text(value)


def _headers(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise expected("a map of header names and values")
    headers: dict[str, str] = {}
    for name, text in value.items():
        if text is None:
            continue
        if not (isinstance(name, str) and _HEADER_NAME.fullmatch(name)):
            raise expected("names of headers without spaces")
        headers[name] = _word(text)
        if not headers[name].isprintable():
            raise expected("header values in one line")
    return headers


def _names(value: object) -> list[str]:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list):
        raise expected("a list of names")
    return [_text(item) for item in items]


def read_level(value: object) -> str:
    """A log level, as Python's logging names them."""
    level = value.strip().lower() if isinstance(value, str) else ""
    level = "warning" if level == "warn" else level
    if level not in LEVELS:
        raise expected(f"one of {', '.join(LEVELS)}")
    return level


def read_verify(value: object) -> bool | str:
    """Whether certificates are checked, or the file to check them with."""
    if isinstance(value, str) and value.strip().lower() not in _ON | _OFF:
        return _text(value)
    return read_flag(value)


def _list(value: object) -> list[Any]:
    if isinstance(value, list):
        return value
    raise expected("a list")


def _map(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise expected("a map")


def read_count(value: object) -> int:
    """An integer that counts something."""
    return _whole(0)(value)


def read_lasting(value: object) -> float:
    """A length of time in seconds, as a number of them or a duration such as 7d."""
    number = _number(value)
    if number is not None and number > 0:
        return float(number)
    try:
        seconds = seconds_of(value) if isinstance(value, str) else 0
    except ValueError:
        seconds = 0
    if seconds <= 0:
        raise expected("a duration such as 7d or 12h")
    return float(seconds)


def _any(value: object) -> object:
    return value


Flag = Annotated[bool, BeforeValidator(read_flag)]
Count = Annotated[int, BeforeValidator(read_count)]
Positive = Annotated[int, BeforeValidator(_whole(1))]
Share = Annotated[float, BeforeValidator(_real(least=0))]
Wait = Annotated[float, BeforeValidator(_real(" of seconds", least=0))]
Seconds = Annotated[float, BeforeValidator(_real(" of seconds", above=0))]
Lasting = Annotated[float, BeforeValidator(read_lasting)]
Price = Annotated[Decimal, BeforeValidator(read_price)]
Text = Annotated[str, BeforeValidator(_text)]
OptionalText = Annotated[str | None, BeforeValidator(_optional_text)]
Word = Annotated[str, BeforeValidator(_word)]
Headers = Annotated[dict[str, str], BeforeValidator(_headers)]
Names = Annotated[list[str], BeforeValidator(_names)]
Verify = Annotated[bool | str, BeforeValidator(read_verify)]
LogLevel = Annotated[str, BeforeValidator(read_level)]
Map = Annotated[dict[str, Any], BeforeValidator(_map)]

_KINDS: Mapping[str, Reader] = MappingProxyType(
    {
        "flags": read_flag,
        "integers": _whole(),
        "numbers": _real(),
        "prices": read_price,
        "texts": _text,
        "lists": _list,
        "maps": _map,
        "others": _any,
    }
)


def table(**kinds: str) -> Mapping[str, Reader]:
    """Names of keys, each with the reader of its kind."""
    return MappingProxyType(
        {name: _KINDS[kind] for kind, names in kinds.items() for name in names.split()}
    )
