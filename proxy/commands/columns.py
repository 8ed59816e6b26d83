"""Lines of a table whose columns share a given width.

The rule: nothing is cut off; what is too wide for its column goes on below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

GAP = "  "


def column_widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """How wide each column is, so that a line of them all has at most this width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    while sum(widths) > width - len(GAP) * (len(widths) - 1):
        widths[widths.index(max(widths))] -= 1
    return widths


def row_lines(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """The lines of one row."""
    columns = [wrap(cell, width) or [""] for cell, width in zip(cells, widths, strict=True)]
    for line in range(max(len(column) for column in columns)):
        parts = [column[line] if line < len(column) else "" for column in columns]
        yield GAP.join(part.ljust(width) for part, width in zip(parts, widths, strict=True))
