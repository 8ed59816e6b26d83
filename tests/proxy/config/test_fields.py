"""What counts as a number, a switch, a text."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from proxy.config.fields import (
    Count,
    Flag,
    Headers,
    Map,
    Names,
    OptionalText,
    Positive,
    Price,
    Seconds,
    Share,
    Text,
    Verify,
    Wait,
    Word,
    read_count,
    read_level,
    table,
)

GOOD: tuple[tuple[Any, object, object], ...] = (
    (Count, 10, 10),
    (Count, "10", 10),
    (Count, 10.0, 10),
    (Count, 0, 0),
    (Positive, "1", 1),
    (Flag, "True", True),
    (Flag, "off", False),
    (Flag, 1, True),
    (Share, "0.5", 0.5),
    (Wait, 0, 0.0),
    (Seconds, "600", 600.0),
    (Price, 1.5e-07, Decimal("1.5e-7")),
    (Price, "3e-7", Decimal("3e-7")),
    (Price, 0, Decimal(0)),
    (Text, " a ", "a"),
    (OptionalText, "", None),
    (Word, 1, "1"),
    (Headers, {"X-A": 1, "X-B": None}, {"X-A": "1"}),
    (Names, "one", ["one"]),
    (Names, ["one", "two"], ["one", "two"]),
    (Verify, "False", False),
    (Verify, "/etc/ca.pem", "/etc/ca.pem"),
)
BAD: tuple[tuple[Any, object, str], ...] = (
    (Count, "ten", "an integer"),
    (Count, True, "an integer"),
    (Count, 1.5, "an integer"),
    (Count, [1], "an integer"),
    (Count, -1, "an integer of at least 0"),
    (Count, "1e30", "an integer"),
    (Positive, 0, "an integer of at least 1"),
    (Flag, "maybe", "true or false"),
    (Flag, 2, "true or false"),
    (Share, float("nan"), "a number"),
    (Share, -0.1, "a number of at least 0"),
    (Wait, -1, "a number of seconds of at least 0"),
    (Seconds, "soon", "a number of seconds"),
    (Seconds, 0, "a number of seconds over 0"),
    (Seconds, float("inf"), "a number of seconds"),
    (Price, "cheap", "a price in dollars, such as 1.5e-07"),
    (Price, -1, "a price in dollars, such as 1.5e-07"),
    (Text, 5, "a string (put it in quotes)"),
    (Text, True, "a string (put it in quotes)"),
    (Text, "", "a string"),
    (Text, ["a"], "a string"),
    (Headers, ["a"], "a map of header names and values"),
    (Headers, {"X A": "1"}, "names of headers without spaces"),
    (Headers, {"X-A": "1\nX-B: 2"}, "header values in one line"),
    (Names, 5, "a list of names"),
    (Map, [1], "a map"),
)


@pytest.mark.parametrize(("kind", "given", "read"), GOOD)
def test_what_clearly_means_the_right_thing_is_taken(
    kind: Any, given: object, read: object
) -> None:
    assert TypeAdapter(kind).validate_python(given) == read


@pytest.mark.parametrize(("kind", "given", "wanted"), BAD)
def test_anything_else_is_refused_in_plain_words(kind: Any, given: object, wanted: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(given)
    (error,) = caught.value.errors()
    assert error["ctx"] == {"what": wanted}


def test_a_log_level_is_taken_in_its_usual_spellings() -> None:
    assert read_level("DEBUG") == "debug"
    assert read_level("warn") == "warning"
    with pytest.raises(PydanticCustomError):
        read_level("loud")


def test_a_table_gives_each_name_the_reader_of_its_kind() -> None:
    readers = table(integers="a b", texts="c", others="d")
    assert list(readers) == ["a", "b", "c", "d"]
    assert readers["b"]("7") == read_count("7")
    assert readers["d"]([1]) == [1]
    with pytest.raises(PydanticCustomError):
        table(lists="e")["e"]("word")
    with pytest.raises(PydanticCustomError):
        readers["c"](7)
