"""`headgate migrate` says where the tables stood, and what keeps it from moving them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from proxy.commands.migrate import migrate_command
from tests.fakes.servers import free_port


def test_the_first_run_makes_the_tables_and_the_second_changes_nothing(tmp_path: Path) -> None:
    env = {"HEADGATE_DATA_DIR": str(tmp_path / "data")}
    out = io.StringIO()
    assert migrate_command(None, env, out) == 0
    assert "were of version 0" in out.getvalue()
    again = io.StringIO()
    assert migrate_command(None, env, again) == 0
    assert "already" in again.getvalue()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://u:marked@127.0.0.1:PORT/d", "cannot be used just now"),
        ("mysql://u:marked@h/d", "is no database that is known here"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_without_its_password(
    url: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    env = {"DATABASE_URL": url.replace("PORT", str(free_port()))}
    assert migrate_command(None, env, io.StringIO()) == 1
    told = capsys.readouterr().err
    assert "headgate cannot migrate: " in told
    assert words in told
    assert "marked" not in told


def test_a_damaged_file_is_told_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "headgate.db").write_text("nonsense " * 100)
    assert migrate_command(None, {"HEADGATE_DATA_DIR": str(tmp_path)}, io.StringIO()) == 1
    assert "this file is damaged, or no database; restore it" in capsys.readouterr().err
