"""A line is there whole when it was written, and nothing of it counts otherwise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from proxy.stores.ledger.folding import segment, segments
from proxy.stores.ledger.lines import Lines


def test_lines_go_on_in_a_new_segment(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "l.db", 4)
    lines.append(b"a\n")
    assert segment(tmp_path / "l.db", 4).read_bytes() == b"a\n"
    lines.rotate()
    assert lines.size == 0
    lines.append(b"b\n")
    assert segment(tmp_path / "l.db", 5).read_bytes() == b"b\n"
    lines.syncing()()
    lines.close()


def test_an_empty_segment_is_taken_away(tmp_path: Path) -> None:
    Lines(tmp_path / "l.db", 1).close()
    assert segments(tmp_path / "l.db") == []


def test_what_was_written_in_part_ends_with_its_own_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, write = Lines(tmp_path / "l.db", 1), os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, data: write(file, data[:2]))
        with pytest.raises(OSError, match="part"):
            lines.append(b"abcdef\n")
        lines.keep(b"kept\n")
        assert lines.kept == 1
    lines.append(b"next\n")
    assert lines.kept == 0
    text = segment(tmp_path / "l.db", 1).read_bytes().splitlines()
    assert text[-2:] == [b"kept", b"next"]
    lines.close()
