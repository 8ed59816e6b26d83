"""Tables are read by their heading."""

from __future__ import annotations

import pytest

from tests.architecture.tables import rows

TEXT = """# Title

## Other

| A | B |
| --- | --- |
| 9 | 9 |

## Wanted

Words.

| Name | What |
| --- | --- |
| `a` | one |
| `b` | two, and more |

After it.
"""


def test_a_table_is_found_by_its_heading() -> None:
    assert rows(TEXT, "Wanted") == [
        {"Name": "`a`", "What": "one"},
        {"Name": "`b`", "What": "two, and more"},
    ]


def test_a_missing_table_is_said() -> None:
    with pytest.raises(AssertionError, match="no table stands under the heading 'Title'"):
        rows(TEXT, "Title")
