"""Lines of a table."""

from __future__ import annotations

from proxy.commands.columns import column_widths, row_lines

ROWS = (("a", "one two three four"), ("long name", "b"))


def test_columns_share_the_width_that_there_is() -> None:
    assert column_widths(ROWS, 100) == [9, 18]
    assert sum(column_widths(ROWS, 20)) + 2 == 20


def test_what_is_too_wide_goes_on_below() -> None:
    lines = [line.rstrip() for line in row_lines(ROWS[0], [2, 9])]
    assert lines == ["a   one two", "    three", "    four"]
