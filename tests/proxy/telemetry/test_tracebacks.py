"""A traceback tells the way of an error and nothing of what it was about."""

from __future__ import annotations

import pytest

from proxy.telemetry.tracebacks import traced
from tests.builders import SECRET


def caught(error: Exception, cause: Exception | None = None) -> BaseException:
    try:
        try:
            if cause is not None:
                raise cause
        except Exception as first:
            raise error from first
        raise error
    except Exception as found:
        return found


def test_the_way_is_told_line_by_line() -> None:
    text = traced(caught(RuntimeError("in the house")))
    assert text.startswith("Traceback (most recent call last):\n")
    assert "in caught" in text
    assert text.endswith("RuntimeError: in the house")


@pytest.mark.parametrize("kind", [ValueError, KeyError, IndexError, UnicodeError])
def test_errors_that_repeat_what_they_were_given_are_told_without_words(
    kind: type[Exception],
) -> None:
    text = traced(caught(kind("my prompt")))
    assert "my prompt" not in text.replace('kind("my prompt")', "")
    assert text.endswith(kind.__name__)


def test_causes_come_first() -> None:
    text = traced(caught(RuntimeError("second"), TypeError("first")))
    assert text.index("TypeError: first") < text.index("which led to") < text.index("second")


def test_keys_and_control_characters_are_taken_out() -> None:
    text = traced(caught(RuntimeError(f"a\n\x1b[31m {SECRET}")))
    assert SECRET not in text
    assert "\x1b" not in text
    assert text.splitlines()[-1] == "RuntimeError: a  [31m ****"


def test_a_group_tells_its_members() -> None:
    text = traced(ExceptionGroup("two", [TypeError("a"), KeyError("prompt")]))
    assert "ExceptionGroup: two (2 sub-exceptions)" in text
    assert "| TypeError: a" in text
    assert "prompt" not in text


def test_an_error_without_a_way_is_told_by_its_name() -> None:
    assert traced(RuntimeError()) == "RuntimeError"
