"""An earlier commit beside this one, in a git worktree that is gone afterwards."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path


class NoRevision(Exception):
    """The revision cannot be checked out; the message says why."""


def _git(root: Path, *arguments: str) -> str:
    # No hook of the user's runs: they may install, ask or take their time.
    command = ["git", "-C", str(root), "-c", f"core.hooksPath={os.devnull}", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        raise NoRevision("git is not here") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise NoRevision(said[-1] if said else f"git {arguments[0]} failed")
    return done.stdout.strip()


def label(root: Path) -> str:
    """The commit of a tree, with a + when it has changes; for a tree without one, a few words."""
    try:
        commit = _git(root, "rev-parse", "--short", "HEAD")
        return commit + ("+" if _git(root, "status", "--porcelain") else "")
    except NoRevision:
        return "no commit"


@contextlib.contextmanager
def checked_out(root: Path, revision: str, scratch: Path) -> Iterator[tuple[Path, str]]:
    """The revision's tree and its short name. Raises NoRevision."""
    commit = _git(root, "rev-parse", "--verify", "--short", f"{revision}^{{commit}}")
    tree = scratch / "base"
    _git(root, "worktree", "add", "--quiet", "--detach", str(tree), commit)
    try:
        yield tree, commit
    finally:
        with contextlib.suppress(NoRevision):
            _git(root, "worktree", "remove", "--force", str(tree))
