"""Names that others chose stand in a line of ours and do no harm there."""

from __future__ import annotations

from proxy.alerts.alert import LONGEST_WORD, word


def test_a_name_begins_no_line_ends_no_quotation_and_has_an_end() -> None:
    assert word("gpt`\nLevel: `Low") == "gpt' Level: 'Low"
    assert len(word("x" * 10_000)) == LONGEST_WORD
