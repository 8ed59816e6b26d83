"""What no file says: paths of a machine, hosts of a registry, promises to do it later."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy import __version__
from tests.architecture.tree import ROOT, check

# Each pattern is written so that it does not find itself.
MACHINE = re.compile(
    r"(?<![\w.])/wor[k]/|/tmp/[v]\b|/\.librar[y]/|pypi\.or[g]|pythonhoste[d]|npmj[s]\.|"
    r"deb\.debia[n]\.org|crates\.i[o]|proxy\.golan[g]\.org"
)
LATER = re.compile(r"\bTOD[O]\b|\bFIXM[E]\b")
SKIPPED = frozenset({".git", ".venv", "__pycache__", "build", "dist", "htmlcov"})
WRITTEN = frozenset({".py", ".md", ".toml", ".cfg", ".yaml", ".yml", ".sh", ".js", ".css", ".html"})


def _skipped(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return any(
        part in SKIPPED or part.endswith((".egg-info", "_cache")) or part == ".hypothesis"
        for part in parts
    )


def _texts() -> Iterator[tuple[str, str]]:
    for path in sorted(ROOT.rglob("*")):
        if path.is_file() and not _skipped(path):
            try:
                yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
            except UnicodeDecodeError:
                continue


def _found(path: str, text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        match = pattern.search(line)
        if match:
            yield f"{path}:{number}: {match.group()!r}"


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = [breach for path, text in _texts() for breach in _found(path, text, MACHINE)]
    check(found, "No file names a path of somebody's machine or the host of a package registry.")


def test_nothing_is_left_for_later() -> None:
    files = [(path, text) for path, text in _texts() if Path(path).suffix in WRITTEN]
    found = [
        breach
        for path, text in files
        if not path.startswith("tests/golden/")
        for breach in _found(path, text, LATER)
    ]
    check(found, "What is left for later is an issue, not a comment.")


@pytest.mark.parametrize("words", ["/wor~k/main", "x /tmp~/v y", "https://pypi~.org/simple"])
def test_a_path_of_a_machine_is_found(words: str) -> None:
    assert MACHINE.search(words.replace("~", ""))


@pytest.mark.parametrize("words", ["/network/", "docs/work/x", "/tmp/value", "a/tmp"])
def test_other_paths_are_not(words: str) -> None:
    assert not MACHINE.search(words)


def test_the_changelog_leads_to_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    heads = re.findall(r"^## \[?([^\]\s]+)\]?", text, re.MULTILINE)
    assert heads, "CHANGELOG.md has no section"
    assert heads[0] in ("Unreleased", __version__), f"the top of CHANGELOG.md is {heads[0]}"
