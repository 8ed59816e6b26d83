"""The tables and the examples of a Markdown document.

The rule: a table is found by the heading above it, and a cell is compared as it is written.
"""

from __future__ import annotations

from tests.architecture.tree import ROOT


def code(name: str) -> str:
    """A name as a document writes it."""
    return f"`{name}`"


def table(path: str, heading: str) -> list[dict[str, str]]:
    """The rows of the first table below a heading of this title, by column."""
    return rows((ROOT / path).read_text("utf-8"), heading)


def rows(text: str, heading: str) -> list[dict[str, str]]:
    """The rows of the first table below the heading in a text."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("#") and line.lstrip("#").strip() == heading:
            break
    found: list[list[str]] = []
    for line in lines:
        if line.startswith("|"):
            found.append([cell.strip() for cell in line.strip().strip("|").split("|")])
        elif found or line.startswith("#"):
            break
    assert len(found) > 2, f"no table stands under the heading {heading!r}"
    head, _, *body = found
    return [dict(zip(head, row, strict=True)) for row in body]


def block(path: str, language: str) -> str:
    """The first example in a language."""
    _, _, after = (ROOT / path).read_text("utf-8").partition(f"```{language}\n")
    example, closed, _ = after.partition("```\n")
    assert closed, f"{path} has no example in {language}"
    return example
