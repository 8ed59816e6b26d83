"""A folder is one process's at a time, whatever ends that process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from proxy.stores.journal.folders import claim_left, claim_new
from tests.architecture.tree import ROOT

HOLDER = """
import sys
from pathlib import Path
from proxy.stores.journal.folders import claim_new
folder = claim_new(Path(sys.argv[1]))
print(folder.path.name, flush=True)
sys.stdin.read()
"""


def test_a_folder_of_ones_own_is_nobody_elses(tmp_path: Path) -> None:
    one, other = claim_new(tmp_path / "spool"), claim_new(tmp_path / "spool")
    assert one.path != other.path
    assert one.path.stat().st_mode & 0o777 == 0o700
    assert list(claim_left(tmp_path / "spool")) == []
    one.release(remove=False)
    (left,) = claim_left(tmp_path / "spool")
    assert left.path == one.path
    assert list(claim_left(tmp_path / "spool")) == []
    left.release(remove=False)
    other.release(remove=True)


def test_what_is_not_needed_any_more_is_deleted(tmp_path: Path) -> None:
    folder = claim_new(tmp_path)
    (folder.path / "x").write_bytes(b"x")
    folder.release(remove=True)
    assert list(tmp_path.iterdir()) == []


def test_files_beside_the_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "rejected.log").write_bytes(b"x")
    assert list(claim_left(tmp_path)) == []
    assert list(claim_left(tmp_path / "none")) == []


def test_a_folder_that_was_deleted_meanwhile_is_nobodys(tmp_path: Path) -> None:
    folder = claim_new(tmp_path)
    found = claim_left(tmp_path)
    folder.release(remove=True)
    assert list(found) == []


def test_the_folder_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        name = process.stdout.readline().decode().strip()
        assert list(claim_left(tmp_path)) == []
        process.kill()
        process.wait()
        (left,) = claim_left(tmp_path)
        assert left.path.name == name
        left.release(remove=True)
